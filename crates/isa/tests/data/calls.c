// Calls of helpers, of functions, through pointers; switches; stack; atomics.
typedef unsigned u32; typedef unsigned long long u64; typedef long long s64;
static u64 (*random)(void) = (void *)7;
static long (*print)(const char *format, u32 size, ...) = (void *)6;
__attribute__((noinline)) static int square(int a) { return a * a; }
__attribute__((noinline)) int cube(int a) { return square(a) * a; }
__attribute__((weak)) int weak(int a) { return a + (int)random(); }
int through(int (*f)(int), int a) { return f(a) + 1; }
__attribute__((section("tc/a.b"))) int choose(u32 *ctx)
{
    switch (*ctx) {
    case 1: return cube(2);
    case 5: return weak(3);
    case 9: return through(cube, 4);
    case 1000000: return -square(7);
    default: break;
    }
    char text[] = "number %d\n";
    print(text, sizeof text, *ctx);
    for (int i = 0; i < 1000; i++)
        if (random() % 3 == i)
            return i;
    return 0;
}
__attribute__((section("tc/a.b"))) s64 atomics(s64 *a, s64 b)
{
    __sync_fetch_and_add(a, b);
#if __BPF_CPU_VERSION__ >= 3
    s64 r = __sync_fetch_and_add(a, 1);
    r += __sync_fetch_and_and(a, b);
    r += __sync_fetch_and_or(a, b);
    r += __sync_fetch_and_xor(a, b);
    r += __sync_lock_test_and_set(a, b);
    r += __sync_val_compare_and_swap(a, r, b);
    return r;
#else
    return b;
#endif
}
