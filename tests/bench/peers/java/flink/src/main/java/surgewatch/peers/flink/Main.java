package surgewatch.peers.flink;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import surgewatch.peers.Arguments;
import surgewatch.peers.Samples;
import surgewatch.peers.Sums;

/** The job on Flink, in this process: see ../../../../../../../../README.md for what is tuned. */
public final class Main {
  private static final int PARALLELISM = 2;
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration OUT_OF_ORDERNESS = Duration.ofSeconds(10);
  private static final long CHECKPOINT_EVERY_MS = 1_000;

  private Main() {}

  public static void main(String[] flags) throws Exception {
    Arguments arguments = new Arguments(flags);
    try (Samples samples = new Samples(arguments.get("samples"))) {
      StreamExecutionEnvironment environment = environment(arguments);
      DataStream<Sale> sales =
          environment.fromSource(
              source(arguments.get("brokers")),
              WatermarkStrategy.<Sale>forBoundedOutOfOrderness(OUT_OF_ORDERNESS)
                  .withTimestampAssigner((sale, timestamp) -> sale.timeMillis),
              "invoices");
      TypeInformation<Row> row = TypeInformation.of(Row.class);
      TypeInformation<Sums> sums = TypeInformation.of(Sums.class);
      boolean inPanes = Boolean.parseBoolean(arguments.get("panes"));
      int minutes = arguments.windowMinutes();
      SingleOutputStreamOperator<Row> rows =
          sales
              .keyBy(sale -> sale.key, Types.STRING)
              .window(inPanes ? windows(1) : windows(minutes))
              .aggregate(new SumSales(), new ToRow(), sums, sums, row);
      if (inPanes) {
        rows =
            rows.keyBy(one -> one.key, Types.STRING)
                .window(windows(minutes))
                .aggregate(new SumRows(), new ToRow(), sums, sums, row);
      }
      rows.addSink(new RowFiles(arguments.get("rows")));
      environment.execute("surgewatch peer");
    }
  }

  private static WindowAssigner<Object, TimeWindow> windows(int minutes) {
    return minutes == 1
        ? TumblingEventTimeWindows.of(MINUTE)
        : SlidingEventTimeWindows.of(MINUTE.multipliedBy(minutes), MINUTE);
  }

  private static StreamExecutionEnvironment environment(Arguments arguments) {
    Configuration settings = new Configuration();
    settings.set(TaskManagerOptions.NUM_TASK_SLOTS, PARALLELISM);
    settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(1));
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
    settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
    settings.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    settings.set(RestOptions.BIND_PORT, "0");
    // A failure is to be seen, not tried again for ever.
    settings.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
    boolean checkpoints = Boolean.parseBoolean(arguments.get("checkpoints"));
    if (checkpoints) {
      settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
      settings.set(
          CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + arguments.get("directory"));
    }
    StreamExecutionEnvironment environment =
        StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM, settings);
    environment.getConfig().enableObjectReuse();
    environment.getConfig().disableGenericTypes();
    if (checkpoints) {
      environment.enableCheckpointing(CHECKPOINT_EVERY_MS);
      environment.getCheckpointConfig().setCheckpointingMode(CheckpointingMode.EXACTLY_ONCE);
    }
    return environment;
  }

  private static KafkaSource<Sale> source(String brokers) {
    return KafkaSource.<Sale>builder()
        .setBootstrapServers(brokers)
        .setTopics("invoices")
        .setGroupId("flink")
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest())
        .setDeserializer(new Decode())
        .setProperty("max.poll.records", "20000")
        .setProperty("max.partition.fetch.bytes", Integer.toString(4 << 20))
        .setProperty("fetch.min.bytes", "1")
        .build();
  }

  private static final class SumSales implements AggregateFunction<Sale, Sums, Sums> {
    private static final long serialVersionUID = 1;

    @Override
    public Sums createAccumulator() {
      return new Sums();
    }

    @Override
    public Sums add(Sale sale, Sums sums) {
      return sums.add(1, sale.units, sale.amount);
    }

    @Override
    public Sums getResult(Sums sums) {
      return sums;
    }

    @Override
    public Sums merge(Sums a, Sums b) {
      return a.add(b.documents, b.units, b.amount);
    }
  }

  private static final class SumRows implements AggregateFunction<Row, Sums, Sums> {
    private static final long serialVersionUID = 1;

    @Override
    public Sums createAccumulator() {
      return new Sums();
    }

    @Override
    public Sums add(Row row, Sums sums) {
      return sums.add(row.documents, row.units, row.amount);
    }

    @Override
    public Sums getResult(Sums sums) {
      return sums;
    }

    @Override
    public Sums merge(Sums a, Sums b) {
      return a.add(b.documents, b.units, b.amount);
    }
  }

  private static final class ToRow extends ProcessWindowFunction<Sums, Row, String, TimeWindow> {
    private static final long serialVersionUID = 1;
    private final Row row = new Row();

    @Override
    public void process(
        String key, Context context, Iterable<Sums> elements, Collector<Row> out) {
      Sums sums = elements.iterator().next();
      row.startMillis = context.window().getStart();
      row.key = key;
      row.documents = sums.documents;
      row.units = sums.units;
      row.amount = sums.amount;
      out.collect(row);
    }
  }
}
