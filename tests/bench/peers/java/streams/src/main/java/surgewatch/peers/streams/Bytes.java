package surgewatch.peers.streams;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;
import surgewatch.peers.Keys;
import surgewatch.peers.Sums;

/** Keys as their text, sums as three fixed numbers. */
final class Bytes {
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int SUMS = 3 * Long.BYTES;

  private Bytes() {}

  static final class KeySerializer implements Serializer<String> {
    @Override
    public byte[] serialize(String topic, String key) {
      return key == null ? null : key.getBytes(StandardCharsets.UTF_8);
    }
  }

  static final class KeyDeserializer implements Deserializer<String> {
    // A serde is shared by the threads of a process.
    private final ThreadLocal<Keys> keys = ThreadLocal.withInitial(Keys::new);

    @Override
    public String deserialize(String topic, byte[] bytes) {
      return bytes == null ? null : keys.get().of(bytes, bytes.length);
    }
  }

  static final class SumsSerializer implements Serializer<Sums> {
    @Override
    public byte[] serialize(String topic, Sums sums) {
      if (sums == null) return null;
      byte[] bytes = new byte[SUMS];
      LONG.set(bytes, 0, sums.documents);
      LONG.set(bytes, Long.BYTES, sums.units);
      LONG.set(bytes, 2 * Long.BYTES, sums.amount);
      return bytes;
    }
  }

  static final class SumsDeserializer implements Deserializer<Sums> {
    @Override
    public Sums deserialize(String topic, byte[] bytes) {
      if (bytes == null) return null;
      return new Sums(
          (long) LONG.get(bytes, 0),
          (long) LONG.get(bytes, Long.BYTES),
          (long) LONG.get(bytes, 2 * Long.BYTES));
    }
  }
}
