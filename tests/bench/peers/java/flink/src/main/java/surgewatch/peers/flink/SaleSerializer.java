package surgewatch.peers.flink;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import surgewatch.peers.Keys;

/**
 * A sale between the halves of the job: the key's bytes, units, amount. Its time travels beside it,
 * as the record's timestamp. A serializer belongs to one thread (duplicate() makes another).
 */
final class SaleSerializer extends TypeSerializer<Sale> {
  private static final long serialVersionUID = 1;

  private transient Keys keys;
  private transient byte[] scratch;

  @Override
  public void serialize(Sale sale, DataOutputView out) throws IOException {
    byte[] key = sale.key.getBytes(StandardCharsets.UTF_8);
    out.writeShort(key.length);
    out.write(key, 0, key.length);
    out.writeLong(sale.units);
    out.writeLong(sale.amount);
  }

  @Override
  public Sale deserialize(Sale reuse, DataInputView in) throws IOException {
    if (keys == null) {
      keys = new Keys();
      scratch = new byte[Short.MAX_VALUE];
    }
    int length = in.readShort();
    in.readFully(scratch, 0, length);
    reuse.key = keys.of(scratch, length);
    reuse.units = in.readLong();
    reuse.amount = in.readLong();
    return reuse;
  }

  @Override
  public Sale deserialize(DataInputView in) throws IOException {
    return deserialize(new Sale(), in);
  }

  @Override
  public void copy(DataInputView in, DataOutputView out) throws IOException {
    serialize(deserialize(in), out);
  }

  @Override
  public Sale copy(Sale from) {
    return copy(from, new Sale());
  }

  @Override
  public Sale copy(Sale from, Sale reuse) {
    reuse.key = from.key;
    reuse.timeMillis = from.timeMillis;
    reuse.units = from.units;
    reuse.amount = from.amount;
    return reuse;
  }

  @Override
  public TypeSerializer<Sale> duplicate() {
    return new SaleSerializer();
  }

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public Sale createInstance() {
    return new Sale();
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SaleSerializer;
  }

  @Override
  public int hashCode() {
    return SaleSerializer.class.hashCode();
  }

  @Override
  public TypeSerializerSnapshot<Sale> snapshotConfiguration() {
    return new Snapshot();
  }

  /** Written beside checkpoints. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Sale> {
    public Snapshot() {
      super(SaleSerializer::new);
    }
  }
}
