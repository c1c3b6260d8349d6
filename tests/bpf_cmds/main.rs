//! One file per bpf(2) command: the same questions to every kernel, the same answers.

mod attr;
mod batch;
mod btf_load;
mod descriptors;
mod get_fd_by_id;
mod get_next_id;
mod link_create;
mod link_detach;
mod link_update;
mod map_create;
mod map_delete_elem;
mod map_freeze;
mod map_get_next_key;
mod map_in_map;
mod map_lookup_elem;
mod map_update_elem;
mod mmap;
mod numbers;
mod obj_get_info_by_fd;
mod obj_pin;
mod prog_attach;
mod prog_load;
mod prog_test_run;
