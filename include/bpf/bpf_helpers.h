/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a BPF program is written with: section names, map definitions, and the kernel's helpers.
 * Macro names are those that BPF programs use everywhere, so that programs compile unchanged.
 */
#ifndef SKEP_BPF_HELPERS_H
#define SKEP_BPF_HELPERS_H

#include <bpf/bpf_helper_defs.h>
#include <linux/types.h>

/* The section says what a thing is: a type of program, a map, the license. */
#define SEC(name) __attribute__((section(name), used))

/* Today's map definition: an anonymous struct in SEC(".maps") whose members' types are the data. */
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
#define SKEP_PASTE(a, b) a##b
#define SKEP_CONCAT(a, b) SKEP_PASTE(a, b)
#define __ulong(name, val) enum { SKEP_CONCAT(__unique_value, __COUNTER__) = val } name

/* The old map definition, in SEC("maps"). Loaders take longer ones if the tail is zero. */
struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

/* The member "pinning" of a map. */
enum libbpf_pin_type {
	LIBBPF_PIN_NONE,
	LIBBPF_PIN_BY_NAME, /* in the directory of pins, under the map's name, shared by all */
};

/* How an unresolved extern ends up: which kernel options and symbols an object can do without. */
enum libbpf_tristate {
	TRI_NO = 0,
	TRI_YES = 1,
	TRI_MODULE = 2,
};
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __kptr_untrusted __attribute__((btf_type_tag("kptr_untrusted")))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))
#define bpf_ksym_exists(sym)                                                                       \
	({                                                                                         \
		_Static_assert(!__builtin_constant_p(!!(sym)), #sym " should be marked as __weak"); \
		!!(sym);                                                                           \
	})

/* What the verifier is told about the arguments of a global function. */
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#ifndef __hidden
#define __hidden __attribute__((visibility("hidden")))
#endif

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef container_of
#define container_of(ptr, type, member)                                                            \
	({                                                                                         \
		void *skep_member = (void *)(ptr);                                                 \
		(type *)(skep_member - offsetof(type, member));                                    \
	})
#endif
#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* Nothing moves across; and a value that the compiler must not reason about. */
#ifndef barrier
#define barrier() __asm__ volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#endif

/* A branch here means that the compiler kept what it should have removed. */
#define __bpf_unreachable() __builtin_trap()

#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))

/*
 * A jump to another program. The slot is a constant in the third register at the call, which is
 * what lets a JIT turn it into a direct jump.
 */
static __always_inline void bpf_tail_call_static(void *ctx, const void *map, const __u32 slot)
{
	if (!__builtin_constant_p(slot))
		__bpf_unreachable();
	__asm__ volatile("r1 = %[ctx]; r2 = %[map]; r3 = %[slot]; call 12"
			 :
			 : [ctx] "r"(ctx), [map] "r"(map), [slot] "i"(slot)
			 : "r0", "r1", "r2", "r3", "r4", "r5");
}

/* How many arguments, up to twelve. */
#define SKEP_13TH(a, b, c, d, e, f, g, h, i, j, k, l, m, ...) m
#define SKEP_COUNT(...) SKEP_13TH(__VA_ARGS__ __VA_OPT__(, ) 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* The arguments as an array of 64-bit values, as the helpers with a "v" want them. */
#define SKEP_FILL0(to)
#define SKEP_FILL1(to, x) to[0] = (unsigned long long)(x);
#define SKEP_FILL2(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL1((to + 1), __VA_ARGS__)
#define SKEP_FILL3(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL2((to + 1), __VA_ARGS__)
#define SKEP_FILL4(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL3((to + 1), __VA_ARGS__)
#define SKEP_FILL5(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL4((to + 1), __VA_ARGS__)
#define SKEP_FILL6(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL5((to + 1), __VA_ARGS__)
#define SKEP_FILL7(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL6((to + 1), __VA_ARGS__)
#define SKEP_FILL8(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL7((to + 1), __VA_ARGS__)
#define SKEP_FILL9(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL8((to + 1), __VA_ARGS__)
#define SKEP_FILL10(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL9((to + 1), __VA_ARGS__)
#define SKEP_FILL11(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL10((to + 1), __VA_ARGS__)
#define SKEP_FILL12(to, x, ...) SKEP_FILL1(to, x) SKEP_FILL11((to + 1), __VA_ARGS__)
#define SKEP_VALUES(name, ...)                                                                     \
	unsigned long long name[SKEP_COUNT(__VA_ARGS__) + 1];                                      \
	SKEP_CONCAT(SKEP_FILL, SKEP_COUNT(__VA_ARGS__))(name __VA_OPT__(, ) __VA_ARGS__)

/*
 * Text for the trace pipe. The format lies in .rodata; with BPF_NO_GLOBAL_DATA, for kernels before
 * 5.2, on the stack. Up to three arguments go in registers, more through an array.
 */
#ifdef BPF_NO_GLOBAL_DATA
#define SKEP_FORMAT char
#else
#define SKEP_FORMAT static const char
#endif
#define SKEP_PRINTK3(fmt, ...)                                                                     \
	({                                                                                         \
		SKEP_FORMAT skep_fmt[] = fmt;                                                      \
		bpf_trace_printk(skep_fmt, sizeof(skep_fmt) __VA_OPT__(, ) __VA_ARGS__);           \
	})
#define SKEP_PRINTKN(fmt, ...)                                                                     \
	({                                                                                         \
		static const char skep_fmt[] = fmt;                                                \
		SKEP_VALUES(skep_values, __VA_ARGS__)                                              \
		bpf_trace_vprintk(skep_fmt, sizeof(skep_fmt), skep_values,                         \
				  sizeof(skep_values) - sizeof(skep_values[0]));                   \
	})
#define SKEP_PRINTK_0 SKEP_PRINTK3
#define SKEP_PRINTK_1 SKEP_PRINTK3
#define SKEP_PRINTK_2 SKEP_PRINTK3
#define SKEP_PRINTK_3 SKEP_PRINTK3
#define SKEP_PRINTK_4 SKEP_PRINTKN
#define SKEP_PRINTK_5 SKEP_PRINTKN
#define SKEP_PRINTK_6 SKEP_PRINTKN
#define SKEP_PRINTK_7 SKEP_PRINTKN
#define SKEP_PRINTK_8 SKEP_PRINTKN
#define SKEP_PRINTK_9 SKEP_PRINTKN
#define SKEP_PRINTK_10 SKEP_PRINTKN
#define SKEP_PRINTK_11 SKEP_PRINTKN
#define SKEP_PRINTK_12 SKEP_PRINTKN
#define bpf_printk(fmt, ...)                                                                       \
	SKEP_CONCAT(SKEP_PRINTK_, SKEP_COUNT(__VA_ARGS__))(fmt __VA_OPT__(, ) __VA_ARGS__)

/* Text for the file of an iterator, and for a buffer. */
#define BPF_SEQ_PRINTF(seq, fmt, ...)                                                              \
	({                                                                                         \
		static const char skep_fmt[] = fmt;                                                \
		SKEP_VALUES(skep_values, __VA_ARGS__)                                              \
		bpf_seq_printf(seq, skep_fmt, sizeof(skep_fmt), skep_values,                       \
			       sizeof(skep_values) - sizeof(skep_values[0]));                      \
	})
#define BPF_SNPRINTF(out, out_size, fmt, ...)                                                      \
	({                                                                                         \
		static const char skep_fmt[] = fmt;                                                \
		SKEP_VALUES(skep_values, __VA_ARGS__)                                              \
		bpf_snprintf(out, out_size, skep_fmt, skep_values,                                 \
			     sizeof(skep_values) - sizeof(skep_values[0]));                        \
	})

#endif
