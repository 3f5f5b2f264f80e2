package surgewatch.peers.flink;

import java.io.Serializable;

/** A window's answer; a POJO to Flink. */
public final class Row implements Serializable {
  private static final long serialVersionUID = 1;

  public long startMillis;
  public String key;
  public long documents;
  public long units;
  public long amount;
}
