import java.io.FileReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Grants rights: {@code java Grant.java PROPERTIES USER:OPERATION:RESOURCE:PATTERN:NAME...}, all in one request. */
class Grant {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.load(new FileReader(arguments[0]));
        List<AclBinding> rights = new ArrayList<>();
        for (int i = 1; i < arguments.length; i++) {
            String[] part = arguments[i].split(":");
            AclOperation operation = AclOperation.fromString(part[1]);
            ResourceType resource = ResourceType.fromString(part[2]);
            PatternType pattern = PatternType.fromString(part[3]);
            rights.add(new AclBinding(
                new ResourcePattern(resource, part[4], pattern),
                new AccessControlEntry("User:" + part[0], "*", operation, AclPermissionType.ALLOW)));
        }
        try (Admin admin = Admin.create(properties)) {
            admin.createAcls(rights).all().get();
        }
    }
}
