package surgewatch.peers.flink;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import surgewatch.peers.InvoiceReader;
import surgewatch.peers.Samples;

/** An invoice to a sale for each of its lines; always the same object, which is written at once. */
final class Decode implements KafkaRecordDeserializationSchema<Sale> {
  private static final long serialVersionUID = 1;

  private transient InvoiceReader invoice;
  private transient Sale sale;
  private transient AtomicLong count;
  private transient long counted;

  @Override
  public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Sale> out) {
    if (invoice == null) {
      invoice = new InvoiceReader();
      sale = new Sale();
      count = Samples.newCount();
    }
    invoice.read(record.value());
    for (int i = 0; i < invoice.lines; ++i) {
      sale.key = invoice.keys[i];
      sale.timeMillis = invoice.timeMillis;
      sale.units = invoice.units[i];
      sale.amount = invoice.amounts[i];
      out.collect(sale);
    }
    count.lazySet(++counted);
  }

  @Override
  public TypeInformation<Sale> getProducedType() {
    return new SaleType();
  }
}
