package surgewatch.peers.flink;

import java.lang.reflect.Type;
import java.util.Map;
import org.apache.flink.api.common.typeinfo.TypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;

/** One line of an invoice: what goes from the reading to the summing half of the job. */
@TypeInfo(Sale.Factory.class)
public final class Sale {
  public String key;
  public long timeMillis;
  public long units;
  public long amount;

  /** Names our serializer instead of Flink's for POJOs. */
  public static final class Factory extends TypeInfoFactory<Sale> {
    @Override
    public TypeInformation<Sale> createTypeInfo(
        Type type, Map<String, TypeInformation<?>> parameters) {
      return new SaleType();
    }
  }
}
