package surgewatch.peers.streams;

import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import surgewatch.peers.InvoiceReader;
import surgewatch.peers.Sums;

/** An invoice to a sale for each of its lines, at the invoice's own time. */
final class Decode extends ContextualProcessor<byte[], byte[], String, Sums> {
  private final InvoiceReader invoice = new InvoiceReader();

  @Override
  public void process(Record<byte[], byte[]> record) {
    invoice.read(record.value());
    for (int i = 0; i < invoice.lines; ++i) {
      context()
          .forward(
              new Record<>(
                  invoice.keys[i],
                  new Sums(1, invoice.units[i], invoice.amounts[i]),
                  invoice.timeMillis));
    }
  }
}
