// Every operator at every width, with registers and with constants.
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32;
typedef unsigned long long u64;
#define EACH(type)                                                                     \
    type type##_ops(type a, type b)                                                    \
    {                                                                                  \
        type r = a + b;                                                                \
        r ^= a - b; r *= a | 3; r += a & b; r -= a << (b & 7); r |= a >> 2;            \
        r += -a; r ^= ~b; r += a == b ? 5 : 7;                                         \
        if (a < b) r += 100000; if (a > 17) r -= 0x7fffffff;                           \
        if (a <= -5) r ^= 1; if (b >= 40) r ^= 2; if (a & 0x40) r += 9;                \
        while (r > a && r != b) r = (type)(r - 3);                                     \
        return r;                                                                      \
    }
EACH(s8) EACH(s16) EACH(s32) EACH(s64) EACH(u8) EACH(u16) EACH(u32) EACH(u64)
u32 udiv32(u32 a, u32 b) { return a / b + a % b + a / 7 + a % 10; }
u64 udiv64(u64 a, u64 b) { return a / b + a % b + a / 7 + a % 10; }
#if __BPF_CPU_VERSION__ >= 4
s32 sdiv32(s32 a, s32 b) { return a / b + a % b + a / 7 + a % -10; }
s64 sdiv64(s64 a, s64 b) { return a / b + a % b + a / 7 + a % -10; }
#endif
u64 wide(u64 a) { return a ^ 0x123456789abcdef0ull; }
u64 minus(void) { return -1ull << 40; }
u64 swaps(u16 a, u32 b, u64 c)
{
    return __builtin_bswap16(a) + __builtin_bswap32(b) + __builtin_bswap64(c);
}
s64 extend(s8 *a, s16 *b, s32 *c) { return *a + *b + (s64)*c; }
s64 truncate(s64 a) { return (s8)a + (s16)(a >> 3) + (s32)(a >> 5); }
void stores(u8 *a, u16 *b, u32 *c, u64 *d) { *a = 1; b[3] = 0x1234; c[-2] = -1; d[1] = 77; }
