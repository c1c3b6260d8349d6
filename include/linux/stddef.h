/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SKEP_LINUX_STDDEF_H
#define SKEP_LINUX_STDDEF_H

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#endif
