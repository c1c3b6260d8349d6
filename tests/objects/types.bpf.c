// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0
// One value of every type that BTF can describe, for printing.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum color { RED, GREEN = 5, NEGATIVE = -3 };
enum wide { SMALL = 1, HUGE = 0x1234567890ULL };
enum unsigned_values { ZERO, LARGE = 0xf0000000u };

typedef char letter;

struct inner {
	char name[8];
	signed char sc;
	unsigned char uc;
	_Bool b;
	short s;
};

struct empty {};

struct everything {
	char c;
	letter l;
	const char cc;
	struct {
		int in_anon;
		int in_anon_too;
	};
	union {
		__u32 word;
		__u8 bytes[4];
	};
	__int128 i128;
	__u64 field40 : 40;
	long field20 : 20;
	_Bool field1 : 1;
	enum color field4 : 4;
	int (*function)(int);
	const char text[8];
	char full[4];
	char lines[2][4];
	enum color color;
	enum unsigned_values large;
	enum wide wide;
	struct inner inner[2];
	_Bool bools[3];
	void *pointers[2];
	float single;
	double dbl;
	char none[0];
	struct empty empty;
	const volatile __s16 qualified;
	struct inner *next;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct everything);
} values SEC(".maps");

SEC("socket")
int touch(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct everything *value = bpf_map_lookup_elem(&values, &key);

	if (value)
		value->color = skb->len & 1 ? RED : GREEN;
	return 0;
}

char _license[] SEC("license") = "GPL";
