import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.Map;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.jcajce.provider.asymmetric.x509.CertificateFactory;
import org.bouncycastle.jcajce.provider.digest.SM3;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.ofdrw.core.signatures.SigType;
import org.ofdrw.gm.ses.parse.SESVersion;
import org.ofdrw.gm.ses.parse.VersionParser;
import org.ofdrw.gm.sm2strut.ContentInfo;
import org.ofdrw.gm.sm2strut.SignedData;
import org.ofdrw.gm.sm2strut.SignerInfo;
import org.ofdrw.reader.OFDReader;
import org.ofdrw.sign.verify.OFDValidator;
import org.ofdrw.sign.verify.SignedDataValidateContainer;
import org.ofdrw.sign.verify.container.GBT35275ValidateContainer;
import org.ofdrw.sign.verify.container.SESV1ValidateContainer;
import org.ofdrw.sign.verify.container.SESV4ValidateContainer;
import org.ofdrw.sign.verify.exceptions.DocNotSignException;
import org.ofdrw.sign.verify.exceptions.InvalidSignedValueException;
import sun.reflect.ReflectionFactory;

/**
 * ofdrw as a peer. With the argument "tuned" it makes one BouncyCastle provider and uses it for
 * every file; by itself ofdrw makes two or three for each, which is most of its time for small
 * files. It takes no trust: ofdrw asks for none.
 */
final class Ofdrw {
    private static final BouncyCastleProvider PROVIDER = new BouncyCastleProvider();

    private Ofdrw() {}

    public static void main(String[] arguments) throws Exception {
        boolean tuned = Arrays.asList(arguments).contains("tuned");
        SignedDataValidateContainer container = tuned ? Ofdrw::tuned : Ofdrw::stock;
        Peer.answer(file -> verify(file, tuned, container));
    }

    private static Peer.Answer verify(
            Path file, boolean tuned, SignedDataValidateContainer container) throws Exception {
        try (OFDReader reader = new OFDReader(file)) {
            OFDValidator validator = tuned ? validatorOfOneProvider(reader) : new OFDValidator(reader);
            validator.setValidator(container).exeValidate();
            return new Peer.Answer("accepted", "accepted");
        } catch (DocNotSignException thrown) {
            return new Peer.Answer("unsigned", "DocNotSignException");
        } catch (GeneralSecurityException | IOException | IllegalArgumentException thrown) {
            return new Peer.Answer("refused", thrown.getClass().getSimpleName());
        } catch (RuntimeException thrown) {
            // Its own, or one that it throws by this name alone, is meant; any other is not.
            if (thrown.getClass() != RuntimeException.class
                    && !thrown.getClass().getName().startsWith("org.ofdrw.")) {
                throw thrown;
            }
            return new Peer.Answer("refused", thrown.getClass().getSimpleName());
        }
    }

    /** ofdrw leaves it to its caller to know which of its containers a signature needs. */
    private static void stock(SigType type, String algorithm, byte[] signed, byte[] value)
            throws IOException, GeneralSecurityException {
        SignedDataValidateContainer container;
        if (type == SigType.Sign) {
            container = new GBT35275ValidateContainer();
        } else if (VersionParser.parseSES_SignatureVersion(value).getVersion() == SESVersion.v1) {
            container = new SESV1ValidateContainer();
        } else {
            container = new SESV4ValidateContainer();
        }
        container.validate(type, algorithm, signed, value);
    }

    /** What ofdrw's containers do, with the one provider. */
    private static void tuned(SigType type, String algorithm, byte[] signed, byte[] value)
            throws IOException, GeneralSecurityException {
        byte[] digest = new SM3.Digest().digest(signed);
        if (type == SigType.Sign) {
            verifySignedData(algorithm, digest, value);
        } else if (VersionParser.parseSES_SignatureVersion(value).getVersion() == SESVersion.v1) {
            var seal = org.ofdrw.gm.ses.v1.SES_Signature.getInstance(value);
            var body = seal.getToSign();
            same(digest, body.getDataHash().getOctets());
            verify(
                    body.getSignatureAlgorithm().getId(),
                    certificate(body.getCert().getOctets()),
                    body.getEncoded("DER"),
                    seal.getSignature().getOctets());
        } else {
            var seal = org.ofdrw.gm.ses.v4.SES_Signature.getInstance(value);
            same(digest, seal.getToSign().getDataHash().getOctets());
            verify(
                    seal.getSignatureAlgID().getId(),
                    certificate(seal.getCert().getOctets()),
                    seal.getToSign().getEncoded("DER"),
                    seal.getSignature().getOctets());
        }
    }

    private static void verifySignedData(String algorithm, byte[] digest, byte[] value)
            throws IOException, GeneralSecurityException {
        SignedData data = SignedData.getInstance(ContentInfo.getInstance(value).getContent());
        ASN1Encodable content = data.getContentInfo().getContent();
        if (content != null) {
            same(digest, DEROctetString.getInstance(content).getOctets());
        }
        for (ASN1Encodable item : data.getSignerInfos()) {
            SignerInfo signer = SignerInfo.getInstance(item);
            byte[] plain = digest;
            ASN1Set attributes = signer.getAuthenticatedAttributes();
            if (attributes != null) {
                Attribute signed =
                        new AttributeTable(attributes).get(CMSAttributes.messageDigest);
                ASN1Encodable expected = signed.getAttrValues().getObjectAt(0);
                same(digest, DEROctetString.getInstance(expected).getOctets());
                plain = attributes.getEncoded();
            }
            byte[] der = data.getSignCert(signer.getIssuerAngSerialNumber()).getEncoded();
            verify(algorithm, certificate(der), plain, signer.getEncryptedDigest().getOctets());
        }
    }

    private static void verify(
            String algorithm, Certificate signer, byte[] plain, byte[] signature)
            throws GeneralSecurityException {
        Signature verification = Signature.getInstance(algorithm, PROVIDER);
        verification.initVerify(signer);
        verification.update(plain);
        if (!verification.verify(signature)) {
            throw new InvalidSignedValueException("the signature does not hold");
        }
    }

    private static Certificate certificate(byte[] der) throws GeneralSecurityException {
        return new CertificateFactory().engineGenerateCertificate(new ByteArrayInputStream(der));
    }

    private static void same(byte[] digest, byte[] expected) throws InvalidSignedValueException {
        if (!MessageDigest.isEqual(digest, expected)) {
            throw new InvalidSignedValueException("Signature.xml was changed");
        }
    }

    /** A validator as its constructor makes it, but for the provider that this would make anew. */
    private static OFDValidator validatorOfOneProvider(OFDReader reader)
            throws ReflectiveOperationException {
        Constructor<?> bare =
                ReflectionFactory.getReflectionFactory()
                        .newConstructorForSerialization(
                                OFDValidator.class, Object.class.getConstructor());
        OFDValidator validator = (OFDValidator) bare.newInstance();
        Map<String, Object> fields =
                Map.of(
                        "provider", PROVIDER,
                        "ofdDir", reader.getOFDDir(),
                        "reader", reader,
                        "rl", reader.getResourceLocator());
        for (Map.Entry<String, Object> value : fields.entrySet()) {
            Field field = OFDValidator.class.getDeclaredField(value.getKey());
            field.setAccessible(true);
            field.set(validator, value.getValue());
        }
        return validator;
    }
}
