// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that send frames with stamps from one network card to the other, on one wire, and
 * find each as it was sent
 *
 * Memory is mapped for each frame, and unmapped after it: what a card writes to memory, or
 * reads from it, after that lands in another frame, or is a frame that was there before.  One
 * may be lost, but none comes twice.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define TYPE 0x9000	/* of Ethernet; each thread has one of its own */
#define MOST 183	/* words of a frame */
#define BURST 16
#define TIMES 5000
#define LINK_SECONDS 60

struct frame {
	struct ether_header header;
	uint16_t words;
	uint64_t number;
	uint64_t data[MOST];
};	/* without gaps */

static atomic_int wrong;
static atomic_long done;
static unsigned int cards[2];
static int control;

/* Which frames of each thread have come; no more than this are sent */
static uint8_t came[THREADS][2 * (TIMES + BURST) + 1];

/* Turn the card of that name on, and wait until the wire is there; return 0 if it is a card. */
static int turn_on(const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(control, SIOCGIFFLAGS, &request) || request.ifr_flags & IFF_LOOPBACK)
		return -1;
	request.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &request)) {
		perror("# SIOCSIFFLAGS");
		return -1;
	}
	for (int i = 0; i < LINK_SECONDS && !(request.ifr_flags & IFF_RUNNING); i++) {
		sleep(1);
		ioctl(control, SIOCGIFFLAGS, &request);
	}
	printf("# %s is %s\n", name, request.ifr_flags & IFF_RUNNING ? "up" : "without a link");
	return 0;
}

/* Have it unmap all: virtio resets its IOMMU before cards are shut down. */
static void turn_off(unsigned int card)
{
	struct ifreq request = { 0 };

	if_indextoname(card, request.ifr_name);
	if (ioctl(control, SIOCSIFFLAGS, &request))
		perror("# SIOCSIFFLAGS");
}

/* Turn two cards on; return how many there are. */
static int find_cards(void)
{
	struct if_nameindex *all = if_nameindex();
	int found = 0;

	for (struct if_nameindex *each = all; each && each->if_index && found < 2; each++)
		if (!turn_on(each->if_name))
			cards[found++] = each->if_index;
	if_freenameindex(all);
	return found;
}

static int socket_on(unsigned int card, int type)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(type),
		.sll_ifindex = card,
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(type));

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("# socket");
		wrong++;
	}
	return fd;
}

static uint64_t seed_of(long thread, uint64_t number)
{
	return ((uint64_t)thread << 56 | number) * 0x9e3779b97f4a7c15 + 1;
}

static void send_frame(int fd, int type, long thread, uint64_t number)
{
	struct frame frame = {
		.header = { .ether_type = htons(type) },
		.words = 5 + following(seed_of(thread, number)) % (MOST - 4),
		.number = number,
	};
	size_t size = offsetof(struct frame, data[frame.words]);

	memset(frame.header.ether_dhost, 0xff, ETH_ALEN);
	stamp(frame.data, frame.words, seed_of(thread, number));
	send(fd, &frame, size, 0);
}

/* Receive what was sent from number @first on; return how many frames of @count there are. */
static int receive_frames(int fd, long thread, uint64_t first, int count)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int got = 0;

	while (got < count && poll(&ready, 1, 1000) > 0) {
		struct frame frame;
		ssize_t size = recv(fd, &frame, sizeof(frame), 0);

		if (size < (ssize_t)offsetof(struct frame, data) ||
		    frame.number >= first + count || frame.words > MOST ||
		    size < (ssize_t)offsetof(struct frame, data[frame.words]) ||
		    stamped(frame.data, frame.words,
			    seed_of(thread, frame.number)) < frame.words ||
		    came[thread][frame.number]++) {
			printf("# thread %ld: frame %llu of %zd bytes is not what was sent\n", thread,
			       (unsigned long long)frame.number, size);
			wrong++;
		} else if (frame.number < first) {
			continue;	/* later than we have waited for it */
		}
		got++;
	}
	return got;
}

static void *thread(void *argument)
{
	long me = (long)argument, lost = 0;
	int from = socket_on(cards[me % 2], TYPE + me), to = socket_on(cards[!(me % 2)], TYPE + me);
	uint64_t number = 1;

	for (long good = 0; good < TIMES && lost < TIMES && !wrong; number += BURST) {
		int got;

		for (int i = 0; i < BURST; i++)
			send_frame(from, TYPE + me, me, number + i);
		got = receive_frames(to, me, number, BURST);
		good += got;
		lost += BURST - got;
		done += got;
	}
	printf("# thread %ld: %ld frames lost\n", me, lost);
	close(from);
	close(to);
	return NULL;
}

int main(void)
{
	int result;

	control = socket(AF_INET, SOCK_DGRAM, 0);
	if (find_cards() < 2) {
		printf("TAP version 13\n1..1\n# two network cards are wanted\nnot ok 1 net.verified\n");
		return 1;
	}
	result = load("net", thread, &wrong, &done, THREADS * TIMES);
	turn_off(cards[0]);
	turn_off(cards[1]);
	return result;
}
