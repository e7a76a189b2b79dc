/* A CUDA driver that says what its environment tells it to. Only what the probe asks.
 *
 * FAKE_DRIVER     what cuDriverGetVersion gives, e.g. 13000
 * FAKE_DEVICES    NAME,MIB,MAJOR,MINOR;... one entry per device
 * FAKE_APART      pairs that do not reach each other, e.g. 0-1;1-0
 * FAKE_FAIL       NAME=CODE: this call fails with that CUresult
 * FAKE_HANG       this call never returns
 *
 * CUDA_VISIBLE_DEVICES hides all but as many devices as it lists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char name[64]; unsigned long mib; int major, minor; } device;

static const char *env(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int fails(const char *call) {
    char name[64];
    int code;
    if (strcmp(env("FAKE_HANG"), call) == 0) for (;;) pause();
    int found = sscanf(env("FAKE_FAIL"), "%63[^=]=%d", name, &code) == 2;
    return found && strcmp(name, call) == 0 ? code : 0;
}

static int devices(device *found) {
    int count = 0, used = 0;
    const char *at = env("FAKE_DEVICES");
    while (count < 64 && sscanf(at, "%63[^,],%lu,%d,%d%n", found[count].name, &found[count].mib,
                                &found[count].major, &found[count].minor, &used) == 4) {
        count++;
        at += used;
        if (*at++ != ';') break;
    }
    const char *mask = getenv("CUDA_VISIBLE_DEVICES");
    if (!mask) return count;
    int visible = *mask ? 1 : 0;
    for (; *mask; mask++) visible += *mask == ',';
    return visible < count ? visible : count;
}

int cuDriverGetVersion(int *version) {
    *version = atoi(env("FAKE_DRIVER"));
    return fails("cuDriverGetVersion");
}

int cuInit(unsigned flags) {
    device found[64];
    int code = fails("cuInit");
    if (code) return code;
    return flags == 0 && devices(found) ? 0 : 100;
}

int cuDeviceGetCount(int *count) {
    device found[64];
    *count = devices(found);
    return fails("cuDeviceGetCount");
}

/* A handle need not be the ordinal: it is not here. */
int cuDeviceGet(int *handle, int ordinal) {
    *handle = ordinal + 1000;
    return fails("cuDeviceGet");
}

int cuDeviceGetName(char *name, int size, int handle) {
    device found[64];
    devices(found);
    snprintf(name, size, "%s", found[handle - 1000].name);
    return fails("cuDeviceGetName");
}

int cuDeviceTotalMem_v2(size_t *bytes, int handle) {
    device found[64];
    devices(found);
    *bytes = found[handle - 1000].mib << 20;
    return fails("cuDeviceTotalMem_v2");
}

int cuDeviceGetAttribute(int *value, int attribute, int handle) {
    device found[64];
    devices(found);
    device *asked = &found[handle - 1000];
    *value = attribute == 75 ? asked->major : attribute == 76 ? asked->minor : -1;
    return fails("cuDeviceGetAttribute");
}

int cuDeviceCanAccessPeer(int *can, int handle, int other) {
    char pair[32];
    snprintf(pair, sizeof pair, "%d-%d", handle - 1000, other - 1000);
    *can = strstr(env("FAKE_APART"), pair) == NULL;
    return fails("cuDeviceCanAccessPeer");
}

int cuGetErrorName(int code, const char **name) {
    *name = code == 100 ? "CUDA_ERROR_NO_DEVICE" : code == 999 ? "CUDA_ERROR_UNKNOWN" : NULL;
    return *name ? 0 : 1;
}
