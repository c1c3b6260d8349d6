# Counts packets.
        .license "GPL"
        .map hits array 4 8 1
        .section "xdp"
count:
        *(u32 *)(r10 - 4) = 0
        r1 = map[hits] ll
        r2 = r10
        r2 += -4
        call map_lookup_elem
        if r0 == 0 goto out
        r1 = *(u64 *)(r0 + 0)
        r1 += 1
        *(u64 *)(r0 + 0) = r1
out:
        r0 = 2
        exit
