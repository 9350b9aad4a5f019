// SPDX-License-Identifier: GPL-2.0
/*
 * init of a machine that runs selftests, and nothing else
 *
 * It runs the programs of /programs, a path a line, one after the other.  What they say goes
 * to the kernel log, in which lines stay whole, as the subtests of one KTAP.  Those of the
 * directory vfio get the address of the PCI device that device=VENDOR:DEVICE of the kernel's
 * command line names, which vfio-pci has then.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
#define MOST 16
#define KSFT_SKIP 4	/* tools/testing/selftests/kselftest.h */

static int log_fd;

/* Log a line; what is longer than the kernel takes is cut. */
static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[900];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	if (write(log_fd, line, length) != length)
		perror("/dev/kmsg");
}

static void mount_at(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount("none", where, type, 0, NULL))
		say("# %s: %m", where);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return ret;
}

static unsigned int read_number(const char *device, const char *name)
{
	unsigned int value = 0;
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, name);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%x", &value) != 1)
		value = 0;
	fclose(file);
	return value;
}

/* Give the device that @wanted names to vfio-pci; return its address, NULL without one. */
static const char *give_device(const char *wanted)
{
	unsigned int vendor, device;
	static char found[NAME_MAX + 1];
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	if (!wanted || sscanf(wanted, "%x:%x", &vendor, &device) != 2)
		return NULL;
	dir = opendir(DEVICES);
	while (dir && !found[0] && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && read_number(entry->d_name, "vendor") == vendor &&
		    read_number(entry->d_name, "device") == device)
			snprintf(found, sizeof(found), "%s", entry->d_name);
	if (dir)
		closedir(dir);
	if (!found[0]) {
		say("# there is no device %s", wanted);
		return NULL;
	}
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", found);
	if (write_file(path, "vfio-pci") || write_file("/sys/bus/pci/drivers_probe", found))
		say("# vfio-pci does not take %s: %m", found);
	return found;
}

/* Run the program @path with @argument; return its status, as wait() has it. */
static int run(const char *path, const char *argument)
{
	int ends[2], status = -1;
	size_t size = 0;
	char *line = NULL;
	FILE *from;
	pid_t pid;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl(path, path, argument, NULL);
		perror(path);
		_exit(127);
	}
	close(ends[1]);
	from = fdopen(ends[0], "r");
	while (from && getline(&line, &size, from) > 0)
		say("%s", line);
	if (from)
		fclose(from);
	free(line);
	waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	char programs[MOST][PATH_MAX];
	const char *device;
	int count = 0;
	FILE *list;

	mount_at("devtmpfs", "/dev");
	log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("debugfs", "/sys/kernel/debug");
	mount_at("tmpfs", "/dev/shm");
	mount_at("tmpfs", "/tmp");
	device = give_device(getenv("device"));

	list = fopen("/programs", "r");
	while (list && count < MOST && fscanf(list, "%4095s", programs[count]) == 1)
		count++;
	say("KTAP version 1");
	say("1..%d", count);
	for (int i = 0; i < count; i++) {
		const char *name = strrchr(programs[i], '/') + 1;
		int status = run(programs[i], strncmp(programs[i], "/vfio/", 6) ? NULL : device);
		int skipped = WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP;

		if (WIFSIGNALED(status))
			say("# %s was killed by signal %d", name, WTERMSIG(status));
		say("%s %d %s%s", status && !skipped ? "not ok" : "ok", i + 1, name,
		    skipped ? " # SKIP" : "");
	}
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}
