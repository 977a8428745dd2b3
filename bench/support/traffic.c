/* Load between two network namespaces, and what it cost. Both ends run on one CPU, so that the work of one packet's way
 * (client, softirq, server) is all there and nothing of it hides on another.
 *
 *   traffic MODE CLIENT-NETNS SERVER-NETNS ADDRESS PORT MILLISECONDS CPU
 *     crr   connect, one byte each way, close by reset; one operation is a connection
 *     rr    one byte each way over one connection; one operation is a round trip
 *     bulk  as much as goes one way; one operation is a byte
 *
 * Prints {"operations":…,"cpuNs":…,"wallNs":…,"p50Ns":…}. CPU time is that of both processes and of the CPU's ksoftirqd.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BULK_BYTES (128 * 1024)
#define WARM_UP_OPERATIONS 200
#define HISTOGRAM_BUCKETS 100000
#define HISTOGRAM_NS 50

static void fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		fail("clock_gettime");
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Time that ksoftirqd of this CPU has run: softirqs are charged to whom they interrupt, or to it. */
static uint64_t ksoftirqd_ns(int cpu)
{
	static int pid = -1;
	char path[64], name[64], wanted[64];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(wanted, sizeof(wanted), "ksoftirqd/%d\n", cpu);
	for (int candidate = 2; pid < 0 && candidate < 4096; candidate++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", candidate);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && strcmp(name, wanted) == 0)
			pid = candidate;
		fclose(file);
	}
	if (pid < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

static void enter_netns(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		fail(path);
	close(fd);
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fail("sched_setaffinity");
}

static socklen_t parse_address(const char *address, int port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	errno = EINVAL;
	fail(address);
	return 0;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* Serves one connection after the other for as long as it lives; answers with as many bytes as it got, or none to bulk. */
static void serve(const struct sockaddr_storage *address, socklen_t length, int bulk, int ready)
{
	static char buffer[2 * BULK_BYTES];
	int one = 1, listener = socket(address->ss_family, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (const struct sockaddr *)address, length) != 0 || listen(listener, 512) != 0)
		fail("listen");
	if (write(ready, "r", 1) != 1)
		fail("ready");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		ssize_t got;

		if (fd < 0)
			fail("accept");
		no_delay(fd);
		while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0)
			if (!bulk && send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got)
				break;
		close(fd);
	}
}

static int connect_to(const struct sockaddr_storage *address, socklen_t length)
{
	int fd = socket(address->ss_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, length) != 0)
		fail("connect");
	no_delay(fd);
	return fd;
}

static void one_round_trip(int fd)
{
	char byte = 'x';

	if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
		fail("round trip");
}

static void one_connection(const struct sockaddr_storage *address, socklen_t length)
{
	struct linger reset = {.l_onoff = 1};
	int fd = connect_to(address, length);

	one_round_trip(fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

struct result {
	uint64_t operations, cpu_ns, wall_ns, p50_ns;
};

static uint64_t histogram_median(const uint32_t *histogram, uint64_t total)
{
	uint64_t seen = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram[i];
		if (seen * 2 >= total)
			return (uint64_t)i * HISTOGRAM_NS;
	}
	return (uint64_t)HISTOGRAM_BUCKETS * HISTOGRAM_NS;
}

static struct result run_client(const char *mode, const struct sockaddr_storage *address, socklen_t length, pid_t server,
				uint64_t duration_ns, int cpu)
{
	static uint32_t histogram[HISTOGRAM_BUCKETS];
	static char buffer[BULK_BYTES];
	int crr = strcmp(mode, "crr") == 0, bulk = strcmp(mode, "bulk") == 0;
	int fd = crr ? -1 : connect_to(address, length);
	struct result result = {0};
	uint64_t started, now, timed = 0;
	clockid_t server_clock;

	if (clock_getcpuclockid(server, &server_clock) != 0)
		fail("clock_getcpuclockid");
	for (int i = 0; i < WARM_UP_OPERATIONS; i++) {
		if (crr)
			one_connection(address, length);
		else if (!bulk)
			one_round_trip(fd);
	}
	result.cpu_ns = -(clock_ns(CLOCK_PROCESS_CPUTIME_ID) + clock_ns(server_clock) + ksoftirqd_ns(cpu));
	started = now = clock_ns(CLOCK_MONOTONIC);
	while (now - started < duration_ns) {
		uint64_t before = now, bucket;

		if (crr) {
			one_connection(address, length);
			result.operations++;
		} else if (bulk) {
			ssize_t sent = send(fd, buffer, sizeof(buffer), 0);

			if (sent < 0)
				fail("send");
			result.operations += (uint64_t)sent;
		} else {
			one_round_trip(fd);
			result.operations++;
		}
		now = clock_ns(CLOCK_MONOTONIC);
		bucket = (now - before) / HISTOGRAM_NS;
		histogram[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
		timed++;
	}
	result.cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) + clock_ns(server_clock) + ksoftirqd_ns(cpu);
	result.wall_ns = now - started;
	result.p50_ns = histogram_median(histogram, timed);
	return result;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage address;
	struct result result;
	socklen_t length;
	int ready[2], cpu;
	char byte;
	pid_t server;

	if (argc != 8) {
		fprintf(stderr, "usage: traffic crr|rr|bulk CLIENT-NETNS SERVER-NETNS ADDRESS PORT MILLISECONDS CPU\n");
		return 2;
	}
	cpu = atoi(argv[7]);
	length = parse_address(argv[4], atoi(argv[5]), &address);
	pin_to_cpu(cpu);
	if (pipe(ready) != 0)
		fail("pipe");
	server = fork();
	if (server < 0)
		fail("fork");
	if (server == 0) {
		enter_netns(argv[3]);
		serve(&address, length, strcmp(argv[1], "bulk") == 0, ready[1]);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		fail("the server did not come up");
	enter_netns(argv[2]);
	result = run_client(argv[1], &address, length, server, strtoull(argv[6], NULL, 10) * 1000000, cpu);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	printf("{\"operations\":%llu,\"cpuNs\":%llu,\"wallNs\":%llu,\"p50Ns\":%llu}\n", (unsigned long long)result.operations,
	       (unsigned long long)result.cpu_ns, (unsigned long long)result.wall_ns, (unsigned long long)result.p50_ns);
	return 0;
}
