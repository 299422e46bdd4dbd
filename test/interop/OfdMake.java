import java.nio.file.*;
import java.time.LocalDate;
import org.ofdrw.core.basicStructure.doc.*;
import org.ofdrw.core.basicStructure.ofd.*;
import org.ofdrw.core.basicStructure.ofd.docInfo.CT_DocInfo;
import org.ofdrw.core.basicStructure.pageObj.*;
import org.ofdrw.core.basicStructure.pageObj.layer.CT_Layer;
import org.ofdrw.core.basicStructure.pageTree.Pages;
import org.ofdrw.core.basicStructure.res.*;
import org.ofdrw.core.basicStructure.res.resources.*;
import org.ofdrw.core.basicType.*;
import org.ofdrw.core.graph.pathObj.*;
import org.ofdrw.core.image.CT_Image;
import org.ofdrw.core.pageDescription.color.color.CT_Color;
import org.ofdrw.core.text.TextCode;
import org.ofdrw.core.text.font.CT_Font;
import org.ofdrw.core.text.text.CT_Text;
import org.ofdrw.pkg.container.*;
/** Makes an OFD with ofdrw, of 100 mm square: a text and a red disc on the first page, the picture args[1] on the second. */
public class OfdMake {
  public static void main(String[] args) throws Exception {
    try (OFDDir ofd = OFDDir.newOFD()) {
      DocDir doc = ofd.newDoc();
      CT_CommonData common = new CT_CommonData().setMaxUnitID(100).setPageArea(new CT_PageArea(0, 0, 100, 100));
      common.setPublicRes(new ST_Loc("PublicRes.xml")).setDocumentRes(new ST_Loc("DocumentRes.xml"));
      Pages pages = new Pages()
        .addPage(new org.ofdrw.core.basicStructure.pageTree.Page(1, "Pages/Page_0/Content.xml"))
        .addPage(new org.ofdrw.core.basicStructure.pageTree.Page(2, "Pages/Page_1/Content.xml"));
      doc.setDocument(new Document().setCommonData(common).setPages(pages));
      CT_Font font = new CT_Font().setID(3).setFontName("SimSun").setFamilyName("SimSun");
      doc.setPublicRes(new Res().setBaseLoc(new ST_Loc("Res")).addResource(new Fonts().addFont(font)));
      Path picture = Paths.get(args[1]);
      doc.addResource(picture);
      CT_MultiMedia media = new CT_MultiMedia().setID(new ST_ID(4)).setType(MediaType.Image).setFormat("PNG");
      media.setMediaFile(new ST_Loc(picture.getFileName().toString()));
      doc.setDocumentRes(new Res().setBaseLoc(new ST_Loc("Res")).addResource(new MultiMedias().addMultiMedia(media)));

      CT_Text text = new CT_Text().setFont(3).setSize(10d);
      text.setBoundary(new ST_Box(10, 10, 80, 12));
      text.addTextCode(new TextCode().setContent("国 国").setCoordinate(0d, 10d).setDeltaX(20d, 20d));
      CT_Path disc = new CT_Path().setFill(true).setStroke(false).setFillColor(CT_Color.rgb(255, 0, 0));
      disc.setBoundary(new ST_Box(40, 40, 20, 20));
      disc.setAbbreviatedData(new AbbreviatedData().M(0, 10).A(10, 10, 0, 0, 1, 20, 10).A(10, 10, 0, 0, 1, 0, 10).C());
      CT_Image image = new CT_Image().setResourceID(new ST_RefID(4));
      image.setBoundary(new ST_Box(0, 0, 100, 100));
      image.setCTM(new ST_Array(100, 0, 0, 100, 0, 0));

      CT_Layer first = new CT_Layer();
      first.setObjID(new ST_ID(10));
      first.addPageBlock(text.toObj(new ST_ID(11))).addPageBlock(disc.toObj(new ST_ID(12)));
      CT_Layer second = new CT_Layer();
      second.setObjID(new ST_ID(20));
      second.addPageBlock(image.toObj(new ST_ID(21)));
      for (CT_Layer layer : new CT_Layer[] { first, second })
        doc.obtainPages().newPageDir().setContent(new Page().setContent(new Content().addLayer(layer)));
      CT_DocInfo info = new CT_DocInfo().randomDocID().setCreationDate(LocalDate.of(2026, 11, 29));
      ofd.setOfd(new OFD(new DocBody().setDocInfo(info).setDocRoot(new ST_Loc("Doc_0/Document.xml"))));
      ofd.jar(Paths.get(args[0]));
    }
  }
}
