import eu.europa.esig.dss.enumerations.Indication;
import eu.europa.esig.dss.enumerations.Level;
import eu.europa.esig.dss.model.DSSException;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.policy.ValidationPolicy;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.policy.EtsiValidationPolicy;
import eu.europa.esig.dss.policy.ValidationPolicyFacade;
import eu.europa.esig.dss.policy.jaxb.BasicSignatureConstraints;
import eu.europa.esig.dss.policy.jaxb.CertificateConstraints;
import eu.europa.esig.dss.policy.jaxb.ConstraintsParameters;
import eu.europa.esig.dss.policy.jaxb.LevelConstraint;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.validation.CertificateVerifier;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * EU DSS as a peer: arguments are the folder of what is trusted and the time of validation. Its
 * checks against attacks on PDF files are all on and refuse; nothing is fetched.
 */
final class Dss {
    private static final String DEFAULT_POLICY = "/policy/constraint.xml";

    private final CertificateVerifier verifier;
    private final ValidationPolicy policy;
    private final Date at;

    private Dss(Path trust, Date at) throws Exception {
        this.verifier = verifier(trust);
        this.policy = policy();
        this.at = at;
    }

    public static void main(String[] arguments) throws Exception {
        Dss dss = new Dss(Path.of(arguments[0]), Date.from(Instant.parse(arguments[1])));
        Peer.answer(dss::verify);
    }

    private Peer.Answer verify(Path file) {
        PDFDocumentValidator validator;
        SimpleReport report;
        try {
            validator = new PDFDocumentValidator(new FileDocument(file.toFile()));
            validator.setCertificateVerifier(verifier);
            validator.setValidationTime(at);
            // The second, longer report is not read here.
            validator.setEnableEtsiValidationReport(false);
            report = validator.validateDocument(policy).getSimpleReport();
        } catch (DSSException thrown) {
            return new Peer.Answer("refused", thrown.getClass().getSimpleName());
        }
        List<String> signatures = report.getSignatureIdList();
        if (signatures.isEmpty()) {
            return new Peer.Answer("unsigned", "NO_SIGNATURE");
        }
        for (String signature : signatures) {
            Indication indication = report.getIndication(signature);
            if (indication != Indication.TOTAL_PASSED) {
                String word = indication + "/" + report.getSubIndication(signature);
                return new Peer.Answer("refused", word);
            }
        }
        return new Peer.Answer("accepted", Indication.TOTAL_PASSED.toString());
    }

    /** Self-signed certificates are anchors, others may stand on a path; CRLs are taken as given. */
    private static CertificateVerifier verifier(Path trust)
            throws IOException, GeneralSecurityException {
        CertificateFactory reader =
                CertificateFactory.getInstance("X.509", new BouncyCastleProvider());
        CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();
        CommonCertificateSource others = new CommonCertificateSource();
        List<InputStream> lists = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(trust)) {
            for (Path file : files) {
                byte[] bytes = Files.readAllBytes(file);
                String text = new String(bytes, StandardCharsets.ISO_8859_1);
                if (!text.contains("BEGIN CERTIFICATE")) {
                    X509CRL list = (X509CRL) reader.generateCRL(new ByteArrayInputStream(bytes));
                    lists.add(new ByteArrayInputStream(list.getEncoded()));
                    continue;
                }
                for (Certificate read :
                        reader.generateCertificates(new ByteArrayInputStream(bytes))) {
                    X509Certificate certificate = (X509Certificate) read;
                    boolean isAnchor =
                            certificate
                                    .getSubjectX500Principal()
                                    .equals(certificate.getIssuerX500Principal());
                    try {
                        (isAnchor ? anchors : others)
                                .addCertificate(new CertificateToken(certificate));
                    } catch (IllegalArgumentException thrown) {
                        // DSS knows no SM2, not even in a certificate that it is told to trust.
                        System.err.println(file + ": " + thrown.getMessage());
                    }
                }
            }
        }
        // True: without a source that would fetch issuers.
        CommonCertificateVerifier verifier = new CommonCertificateVerifier(true);
        verifier.setTrustedCertSources(anchors);
        verifier.setAdjunctCertSources(others);
        verifier.setCrlSource(new ExternalResourcesCRLSource(lists.toArray(new InputStream[0])));
        return verifier;
    }

    /** The default policy, but that what was changed after signing refuses instead of warning. */
    private static ValidationPolicy policy() throws Exception {
        ConstraintsParameters policy;
        try (InputStream source = Dss.class.getResourceAsStream(DEFAULT_POLICY)) {
            policy = ValidationPolicyFacade.newFacade().unmarshall(source);
        }
        BasicSignatureConstraints signature =
                policy.getSignatureConstraints().getBasicSignatureConstraints();
        signature.setByteRangeAllDocument(fail());
        signature.setByteRangeCollision(fail());
        signature.setPdfAnnotationOverlap(fail());
        signature.setPdfVisualDifference(fail());
        signature.setDocMDP(fail());
        signature.setFieldMDP(fail());
        signature.setSigFieldLock(fail());
        signature.setUndefinedChanges(fail());
        // What nobody revoked is good where no list was given, as in `hub verify`.
        warnWithoutRevocation(signature.getSigningCertificate());
        warnWithoutRevocation(signature.getCACertificate());
        BasicSignatureConstraints timestamp =
                policy.getTimestamp().getBasicSignatureConstraints();
        warnWithoutRevocation(timestamp.getSigningCertificate());
        warnWithoutRevocation(timestamp.getCACertificate());
        return new EtsiValidationPolicy(policy);
    }

    private static void warnWithoutRevocation(CertificateConstraints certificate) {
        certificate.setRevocationDataAvailable(level(Level.WARN));
        certificate.setAcceptableRevocationDataFound(level(Level.WARN));
    }

    private static LevelConstraint fail() {
        return level(Level.FAIL);
    }

    private static LevelConstraint level(Level level) {
        LevelConstraint constraint = new LevelConstraint();
        constraint.setLevel(level);
        return constraint;
    }
}
