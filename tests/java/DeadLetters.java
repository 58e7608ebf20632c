// Prints every record of a topic of dead letters, one JSON object per line, then exits. It decodes the headers as Spring Kafka does: text
// as UTF-8, numbers with ByteBuffer. Run it as a single source file, with the jars on the class path.

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class DeadLetters {
    public static void main(String[] args) {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(args[1]).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println(json(record));
                }
            }
        }
    }

    static String json(ConsumerRecord<byte[], byte[]> record) {
        StringJoiner headers = new StringJoiner(",", "[", "]");
        for (Header header : record.headers()) {
            if (!header.key().startsWith("kafka_dlt-")) {
                headers.add("[" + quote(header.key()) + "," + hex(header.value()) + "]");
            }
        }
        ByteBuffer partition = number(record, "original-partition", Integer.BYTES);
        ByteBuffer offset = number(record, "original-offset", Long.BYTES);
        ByteBuffer timestamp = number(record, "original-timestamp", Long.BYTES);
        // Fails for a name that is none.
        TimestampType type = TimestampType.forName(text(record, "original-timestamp-type"));
        return "{\"partition\":" + record.partition() + ",\"key\":" + hex(record.key()) + ",\"value\":" + hex(record.value())
            + ",\"headers\":" + headers + ",\"topic\":" + quote(text(record, "original-topic"))
            + ",\"original_partition\":" + partition.getInt() + ",\"offset\":" + offset.getLong()
            + ",\"timestamp\":" + timestamp.getLong() + ",\"timestamp_type\":" + quote(type.toString())
            + ",\"group\":" + quote(text(record, "original-consumer-group"))
            + ",\"exception\":" + quote(text(record, "exception-fqcn"))
            + ",\"message\":" + quote(text(record, "exception-message")) + "}";
    }

    static byte[] last(ConsumerRecord<byte[], byte[]> record, String name) {
        Header header = record.headers().lastHeader("kafka_dlt-" + name);
        if (header == null) throw new IllegalStateException("no header " + name);
        return header.value();
    }

    static String text(ConsumerRecord<byte[], byte[]> record, String name) {
        return new String(last(record, name), StandardCharsets.UTF_8);
    }

    static ByteBuffer number(ConsumerRecord<byte[], byte[]> record, String name, int bytes) {
        byte[] value = last(record, name);
        if (value.length != bytes) throw new IllegalStateException(name + " has " + value.length + " bytes");
        return ByteBuffer.wrap(value);
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "null" : "\"" + HexFormat.of().formatHex(bytes) + "\"";
    }

    static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }
}
