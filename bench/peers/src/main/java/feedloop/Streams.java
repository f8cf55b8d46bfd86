package feedloop;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;

/**
 * The join as one would write it with Kafka Streams: a left join of decisions with their outcomes, keyed by decision id,
 * over the attribution window; exactly_once_v2, stores in RocksDB, all other settings as they come. Values are bytes: the
 * joined record is the decision with the outcome behind it, so nothing is decoded or encoded here.
 *
 *   Streams BROKERS DECISIONS OUTCOMES OUTPUT APPLICATION STATE_FOLDER WINDOW_MS THREADS
 */
public final class Streams {
  public static void main(String[] args) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[4]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[7]);
    settings.put("auto.offset.reset", "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    KStream<byte[], byte[]> decisions = builder.stream(args[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
    KStream<byte[], byte[]> outcomes = builder.stream(args[2], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()));
    JoinWindows window =
        JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofMillis(Long.parseLong(args[6]))).before(Duration.ZERO);
    decisions
        .leftJoin(
            outcomes,
            Streams::joined,
            window,
            StreamJoined.with(Serdes.ByteArray(), Serdes.ByteArray(), Serdes.ByteArray()))
        .to(args[3], Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(
        failure -> {
          failure.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
  }

  private static byte[] joined(byte[] decision, byte[] outcome) {
    if (outcome == null) return decision;
    return ByteBuffer.allocate(decision.length + outcome.length).put(decision).put(outcome).array();
  }
}
