package surgewatch.peers.flink;

import java.io.PrintWriter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.streaming.api.functions.sink.RichSinkFunction;

/** Each subtask writes its rows to a file of its own. */
final class RowFiles extends RichSinkFunction<Row> {
  private static final long serialVersionUID = 1;

  private final String path;
  private transient PrintWriter file;

  RowFiles(String path) {
    this.path = path;
  }

  @Override
  public void open(OpenContext context) throws Exception {
    int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
    file = new PrintWriter(path + "." + subtask);
  }

  @Override
  public void invoke(Row row, Context context) {
    file.println(
        row.startMillis / 1_000 + " " + row.key + " " + row.documents + " " + row.units + " "
            + row.amount);
  }

  @Override
  public void close() {
    if (file != null) file.close();
  }
}
