import org.ofdrw.reader.OFDReader;
import org.ofdrw.sign.verify.OFDValidator;
import org.ofdrw.sign.verify.container.SESV4ValidateContainer;
import java.nio.file.*;
/** Reads an OFD with ofdrw: its pages, attachments and outlines, and whether the seal is right. */
public class OfdCheck {
  public static void main(String[] args) throws Exception {
    try (OFDReader reader = new OFDReader(Paths.get(args[0]))) {
      System.out.println("pages " + reader.getNumberOfPages());
      System.out.println("attachments " + reader.getAttachmentList().size());
      try (OFDValidator v = new OFDValidator(reader)) {
        v.setValidator(new SESV4ValidateContainer());
        v.exeValidate();
        System.out.println("signature VALID");
      }
    }
  }
}
