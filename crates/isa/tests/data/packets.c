// Packet parsing with maps and atomics: loads and stores of all sizes, map relocations.
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned u32;
typedef unsigned long long u64;
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex; };
struct eth { u8 dst[6], src[6]; u16 proto; };
struct ip { u8 vihl, tos; u16 len, id, frag; u8 ttl, proto; u16 check; u32 saddr, daddr; };
struct { int (*type)[1]; int (*max_entries)[64]; u32 *key; u64 *value; } flows
    __attribute__((section(".maps"), used));
static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*now)(void) = (void *)5;
const volatile u32 limit = 3;
u64 seen, last;
static u16 order[4] = { 1, 2, 3, 4 };
__attribute__((section("xdp"), used)) int count(struct xdp_md *ctx)
{
    u8 *data = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;
    struct eth *eth = (void *)data;
    struct ip *ip = (void *)(eth + 1);
    if ((u8 *)(ip + 1) > end || eth->proto != 8)
        return 1;
    u32 key = ip->saddr;
    u64 *value = lookup(&flows, &key), one = 1;
    if (!value)
        return update(&flows, &key, &one, 0) ? 0 : 2;
    __sync_fetch_and_add(value, 1);
    seen++;
    last = now();
    u32 sum = 0;
#pragma clang loop unroll(disable)
    for (u16 *p = (u16 *)ip; p < (u16 *)(ip + 1); p++)
        sum += *p;
    sum = (sum & 0xffff) + (sum >> 16);
    ip->check = ~sum;
    ip->ttl -= 1;
    order[sum & 3]++;
    return *value > limit ? 1 : 2;
}
__attribute__((section("xdp"), used)) int swap_addresses(struct xdp_md *ctx)
{
    struct eth *eth = (void *)(long)ctx->data;
    if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
        return 0;
    struct eth old = *eth;
    __builtin_memcpy(eth->dst, old.src, 6);
    __builtin_memcpy(eth->src, old.dst, 6);
    eth->proto = __builtin_bswap16(eth->proto);
    return 3;
}
char _license[] __attribute__((section("license"), used)) = "GPL";
