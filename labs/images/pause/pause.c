/* Waits until told to end, and collects the children of a pod whose containers share one process
 * namespace. */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    for (;;) {
        int got = sigwaitinfo(&wanted, NULL);
        if (got == SIGINT || got == SIGTERM)
            return 0;
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
