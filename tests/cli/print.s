# Prints "hi 7".
        .license "GPL"
        .section "xdp"
print:
        r1 = 0xa6425206968 ll
        *(u64 *)(r10 - 8) = r1
        r1 = r10
        r1 += -8
        r2 = 8
        r3 = 7
        call trace_printk
        r0 = 2
        exit
