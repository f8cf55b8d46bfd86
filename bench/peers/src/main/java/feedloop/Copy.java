package feedloop;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The limit: every record of the inputs is copied to the output, with the plain Java client as it comes. Offsets are
 * committed once all that a poll returned is acknowledged: at least once.
 *
 *   Copy BROKERS INPUT,INPUT OUTPUT GROUP
 */
public final class Copy {
  private static volatile boolean failed;

  public static void main(String[] args) {
    Map<String, Object> reading =
        Map.of(
            "bootstrap.servers", args[0],
            "group.id", args[3],
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false);
    Map<String, Object> writing = Map.of("bootstrap.servers", args[0], "acks", "all");
    var consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    var producer = new KafkaProducer<>(writing, new ByteArraySerializer(), new ByteArraySerializer());
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> wakeAndWait(consumer, main)));
    try (consumer;
        producer) {
      consumer.subscribe(List.of(args[1].split(",")));
      while (!failed) copy(consumer, producer, args[2]);
    } catch (WakeupException stopped) {
      // told to stop
    }
    if (failed) Runtime.getRuntime().halt(1);
  }

  private static void copy(
      KafkaConsumer<byte[], byte[]> consumer, KafkaProducer<byte[], byte[]> producer, String output) {
    ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
    if (records.isEmpty()) return;
    for (ConsumerRecord<byte[], byte[]> one : records)
      producer.send(
          new ProducerRecord<>(output, one.partition(), one.key(), one.value()),
          (metadata, failure) -> failed |= failure != null);
    producer.flush();
    if (!failed) consumer.commitSync();
  }

  private static void wakeAndWait(KafkaConsumer<?, ?> consumer, Thread main) {
    consumer.wakeup();
    try {
      main.join(5000);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
