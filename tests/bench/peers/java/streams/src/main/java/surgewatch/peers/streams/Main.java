package surgewatch.peers.streams;

import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.Stores;
import surgewatch.peers.Arguments;
import surgewatch.peers.Samples;
import surgewatch.peers.Sums;

/** The job on Kafka Streams: see ../../../../../../../../README.md for what is tuned and why. */
public final class Main {
  private static final int PARTITIONS = 4;
  private static final Duration MINUTE = Duration.ofMinutes(1);
  // Streams keeps no common watermark over the partitions that are repartitioned, only the highest
  // time seen, so the grace has to cover how far they are read apart.
  private static final Duration GRACE = Duration.ofHours(12);

  private Main() {}

  public static void main(String[] flags) throws Exception {
    Arguments arguments = new Arguments(flags);
    long events = Long.parseLong(arguments.get("events"));
    Map<Windowed<String>, Sums> results = new ConcurrentHashMap<>();
    Topology topology = topology(arguments.windowMinutes(), results);
    try (Samples samples = new Samples(arguments.get("samples"))) {
      KafkaStreams streams = new KafkaStreams(topology, settings(arguments));
      AtomicLong failures = new AtomicLong();
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            failures.incrementAndGet();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
          });
      streams.start();
      while (Samples.events() < events && failures.get() == 0) Thread.sleep(20);
      // Commits, and with that sends on what the caches still hold.
      if (!streams.close(Duration.ofMinutes(2)) || failures.get() != 0) System.exit(1);
    }
    write(arguments.get("rows"), results);
  }

  private static Topology topology(int minutes, Map<Windowed<String>, Sums> results) {
    Serde<String> keys = Serdes.serdeFrom(new Bytes.KeySerializer(), new Bytes.KeyDeserializer());
    Serde<Sums> sums = Serdes.serdeFrom(new Bytes.SumsSerializer(), new Bytes.SumsDeserializer());
    TimeWindows windows =
        TimeWindows.ofSizeAndGrace(MINUTE.multipliedBy(minutes), GRACE).advanceBy(MINUTE);
    Duration retention = MINUTE.multipliedBy(minutes).plus(GRACE);

    StreamsBuilder builder = new StreamsBuilder();
    builder.stream("invoices", Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .process(Decode::new)
        .repartition(
            Repartitioned.<String, Sums>as("sales")
                .withKeySerde(keys)
                .withValueSerde(sums)
                .withNumberOfPartitions(PARTITIONS))
        .processValues(Count::new)
        .groupByKey(Grouped.with(keys, sums))
        .windowedBy(windows)
        .aggregate(
            Sums::new,
            (key, sale, sum) -> sum.add(sale.documents, sale.units, sale.amount),
            Materialized.<String, Sums>as(
                    Stores.inMemoryWindowStore(
                        "windows", retention, MINUTE.multipliedBy(minutes), false))
                .withCachingEnabled()
                .withKeySerde(keys)
                .withValueSerde(sums))
        .toStream()
        .foreach(results::put);
    return builder.build();
  }

  private static Properties settings(Arguments arguments) {
    boolean exactlyOnce = Boolean.parseBoolean(arguments.get("exactly-once"));
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments.get("id"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.get("brokers"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments.get("directory"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    settings.put(
        StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
        exactlyOnce ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, exactlyOnce ? 1_000 : 10_000);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
    settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    consumer(settings, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    consumer(settings, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 20_000);
    consumer(settings, ConsumerConfig.FETCH_MIN_BYTES_CONFIG, 1);
    consumer(settings, ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
    producer(settings, ProducerConfig.BATCH_SIZE_CONFIG, 1 << 20);
    producer(settings, ProducerConfig.BUFFER_MEMORY_CONFIG, 128L << 20);
    producer(settings, ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
    return settings;
  }

  private static void consumer(Properties settings, String name, Object value) {
    settings.put(StreamsConfig.consumerPrefix(name), value);
  }

  private static void producer(Properties settings, String name, Object value) {
    settings.put(StreamsConfig.producerPrefix(name), value);
  }

  private static void write(String path, Map<Windowed<String>, Sums> results) throws IOException {
    try (PrintWriter rows = new PrintWriter(path)) {
      results.forEach(
          (key, sums) ->
              rows.println(
                  key.window().start() / 1_000 + " " + key.key() + " " + sums.documents + " "
                      + sums.units + " " + sums.amount));
    }
  }

  /** Counts what has come through the repartitioning. */
  private static final class Count extends ContextualFixedKeyProcessor<String, Sums, Sums> {
    private final AtomicLong count = Samples.newCount();
    private long counted;

    @Override
    public void process(FixedKeyRecord<String, Sums> sale) {
      count.lazySet(++counted);
      context().forward(sale);
    }
  }
}
