/* Loaded beside libfaketime, which leaves the waits of C11 threads alone: their end is a time of
 * day, so that with another time of day they would end at once or ten minutes late. The Kafka
 * client waits with them. In the C library they are those of POSIX threads, which libfaketime sets
 * right. */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    int done = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
    return done == 0 ? thrd_success : done == ETIMEDOUT ? thrd_timedout : thrd_error;
}
