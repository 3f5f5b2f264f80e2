#include "simulate/products.h"

#include <array>
#include <vector>

namespace surgewatch::simulate {
namespace {

constexpr Product kA100{"A100-SXM4-80GB", 15'000, "4A090.a"};
constexpr Product kA100Pcie{"A100-PCIE-80GB", 12'000, "4A090.a"};
constexpr Product kDgxA100{"DGX-A100-640GB", 200'000, "4A090.a"};
constexpr Product kA800{"A800-SXM4-80GB", 14'000, "4A090.a"};
constexpr Product kH100Pcie{"H100-PCIE-80GB", 27'000, "4A090.a"};
constexpr Product kH100Nvl{"H100-NVL-94GB", 30'000, "4A090.a"};
constexpr Product kHgxH100{"HGX-H100-8", 290'000, "4A090.a"};
constexpr Product kDgxH100{"DGX-H100", 350'000, "4A090.a"};
constexpr Product kH800Pcie{"H800-PCIE-80GB", 27'000, "4A090.a"};
constexpr Product kH20{"H20-SXM-96GB", 12'000, "5A992.c"};
constexpr Product kHgxH20{"HGX-H20-8", 140'000, "5A992.c"};
constexpr Product kH200{"H200-SXM-141GB", 35'000, "4A090.a"};
constexpr Product kDgxH200{"DGX-H200", 400'000, "4A090.a"};
constexpr Product kB200{"B200-SXM-192GB", 40'000, "4A090.a"};
constexpr Product kDgxB200{"DGX-B200", 500'000, "4A090.a"};
constexpr Product kGb200{"GB200-SUPERCHIP", 70'000, "4A090.a"};
constexpr Product kNvl72{"GB200-NVL72", 3'100'000, "4A090.a"};
constexpr Product kL40S{"L40S", 8'000, "4A090.a"};
constexpr Product kL40{"L40", 7'000, "4A090.b"};
constexpr Product kL20{"L20", 4'000, "5A992.c"};
constexpr Product kL4{"L4", 2'500, "4A090.a"};
constexpr Product kL2{"L2", 2'000, "5A992.c"};

using Mix = std::vector<Product>;

const std::array<Mix, kQuarters>& world() {
  static const std::array<Mix, kQuarters> mixes{{
      {kA100, kH100Pcie, kA100Pcie, kDgxA100, kL40, kL4},
      {kH100, kA100, kH100Pcie, kHgxH100, kL40, kL4},
      {kH100, kHgxH100, kA100, kL40S, kL4},
      {kH100, kHgxH100, kDgxH100, kH100Nvl, kL40S, kL4},
      {kH100, kHgxH100, kH100Nvl, kL40S, kL4},
      {kH100, kH200, kHgxH100, kL40S, kL4},
      {kH200, kH100, kDgxH200, kHgxH100, kL40S, kL4},
      {kH200, kB200, kNvl72, kGb200, kDgxB200, kH100, kL40S, kL4},
  }};
  return mixes;
}

const std::array<Mix, kQuarters>& china() {
  static const Mix until_october_2023{kA800, kH800, kH800Pcie, kL40, kL4};
  static const Mix after{kH20, kHgxH20, kL20, kL2};
  static const std::array<Mix, kQuarters> mixes{{
      until_october_2023,
      until_october_2023,
      {kH800, kA800, kH800Pcie, kL40S, kL4},
      after,
      after,
      after,
      after,
      after,
  }};
  return mixes;
}

}  // namespace

std::span<const Product> products_sold(int quarter, bool to_china) {
  return (to_china ? china() : world())[static_cast<std::size_t>(quarter)];
}

}  // namespace surgewatch::simulate
