import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The line protocol of a peer that is written in Java: a path per line comes in, a line goes out
 * with verdict, CPU time of the thread in nanoseconds and a word of the peer's own, separated by
 * tabs. Verdicts are accepted, refused, unsigned, and crashed for what the library did not mean to
 * throw. The first line out is "ready".
 */
final class Peer {
    /** Verdict and the peer's own word for it. */
    record Answer(String verdict, String word) {}

    /** One verification by the peer's library. */
    interface Verifier {
        Answer verify(Path file) throws Exception;
    }

    private Peer() {}

    /** Answers line by line until the input ends. */
    static void answer(Verifier verifier) throws Exception {
        // Libraries may print: what they say must not stand among the answers.
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        out.println("ready");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Path file = Path.of(line);
            long started = threads.getCurrentThreadCpuTime();
            Answer answer = verdict(verifier, file);
            long spent = threads.getCurrentThreadCpuTime() - started;
            out.println(answer.verdict() + "\t" + spent + "\t" + answer.word());
        }
    }

    private static Answer verdict(Verifier verifier, Path file) {
        try {
            return verifier.verify(file);
        } catch (Exception | StackOverflowError | OutOfMemoryError thrown) {
            return new Answer("crashed", thrown.getClass().getSimpleName());
        }
    }
}
