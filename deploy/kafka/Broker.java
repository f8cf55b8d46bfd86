import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.common.utils.Exit;

/**
 * A Kafka broker (KRaft, one node) in this JVM: formats its data folder when that is new, then runs.
 *
 *   Broker FILE.properties               until it is told to stop by a signal
 *   Broker FILE.properties --temporary   as long as its parent lives: at the end of standard input it removes the folder
 *                                        of FILE and is gone at once; at the line "exit" it shuts down in order first;
 *                                        arguments after it go to Kafka's own format command (--add-scram)
 */
public final class Broker {
  public static void main(String[] args) throws Exception {
    Path file = Path.of(args[0]).toAbsolutePath();
    boolean temporary = args.length > 1 && args[1].equals("--temporary");
    if (temporary) {
      Thread watch = new Thread(() -> watchParent(file.getParent()), "parent-watch");
      watch.setDaemon(true);
      watch.start();
    }
    format(file, List.of(args).subList(Math.min(2, args.length), args.length));
    kafka.Kafka.main(new String[] {file.toString()});
  }

  private static void format(Path file, List<String> more) throws Exception {
    Properties properties = new Properties();
    try (var reader = Files.newBufferedReader(file)) {
      properties.load(reader);
    }
    if (Files.exists(Path.of(properties.getProperty("log.dirs"), "meta.properties"))) return;
    List<String> format = new ArrayList<>();
    Collections.addAll(format, "format", "--standalone", "--cluster-id", newClusterId(), "--config", file.toString());
    format.addAll(more);
    int code = kafka.tools.StorageTool.execute(format.toArray(String[]::new), System.err);
    if (code != 0) Runtime.getRuntime().halt(code);
  }

  private static String newClusterId() {
    UUID id = UUID.randomUUID();
    byte[] bytes = ByteBuffer.allocate(16).putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits()).array();
    String text = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    // an id that begins with "-" would be read as an option
    return text.startsWith("-") ? newClusterId() : text;
  }

  private static void watchParent(Path folder) {
    try (var input = new BufferedReader(new InputStreamReader(System.in))) {
      for (String line = input.readLine(); line != null; line = input.readLine())
        if (line.equals("exit")) {
          Runtime.getRuntime().addShutdownHook(new Thread(() -> removeAfterKafka(folder)));
          System.exit(0);
        }
    } catch (Exception ended) {
      // a broken pipe is an end too
    }
    // Kafka halts the process when its files vanish; it must not do so before they are all gone.
    Exit.setHaltProcedure((code, message) -> waitForever());
    Exit.setExitProcedure((code, message) -> waitForever());
    remove(folder);
    Runtime.getRuntime().halt(0);
  }

  private static void removeAfterKafka(Path folder) {
    for (Thread thread : Thread.getAllStackTraces().keySet())
      if (thread.getName().equals("kafka-shutdown-hook"))
        try {
          thread.join();
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
        }
    remove(folder);
  }

  /** A broker that still runs may write a file while its folder is being emptied: hence more than one round. */
  private static void remove(Path folder) {
    for (int round = 0; round < 20 && Files.exists(folder); round++) removeTree(folder.toFile());
  }

  private static void removeTree(File file) {
    File[] children = Files.isSymbolicLink(file.toPath()) ? null : file.listFiles();
    if (children != null) for (File child : children) removeTree(child);
    file.delete();
  }

  private static void waitForever() {
    try {
      Thread.sleep(Long.MAX_VALUE);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
