#!/usr/bin/env bash
# scripts/check-includes must refuse every include that the table does not name.

. "$(dirname "$0")/lib.sh"
check() { "$root/scripts/check-includes" "$scratch/tree"; }

refuses "a tree without sources" "no sources found" "$root/scripts/check-includes" "$scratch"

echo '#include <stdint.h>' | file tree/core/base/bytes.h
echo '#include "base/bytes.h"' | file tree/core/flow/table.h
printf '#include <lastack/tcp.h>\n#include "base/bytes.h"\n#include "tcb.h"\n' |
    file tree/core/tcp/tcb.c
echo '#include "base/bytes.h"' | file tree/core/tcp/tcb.h
echo '#include <stdint.h>' | file tree/core/tcp/decide.h
echo '#include "tcp/decide.h"' | file tree/view/reason.c
echo '#include "core/tcp/tcb.h"' | file tree/apps/bench/idle.c
echo '#include <stdint.h>' | file tree/include/lastack/tcp.h
passes "a tree in order" check

echo '#include "flow/table.h"' | file tree/core/tcp/bad.c
refuses "tcp/ that includes flow/" 'core/tcp/bad.c:1: core/tcp/ may not include' check
echo '#include "core/flow/table.h"' | file tree/core/tcp/bad.c
refuses "the same by another path" 'core/tcp/bad.c:1: core/tcp/ may not include' check
echo '#include "../flow/table.h"' | file tree/core/tcp/bad.c
refuses "the same by a relative path" 'bad.c:1: "../flow/table.h": write the path' check
echo '#include <stdio.h>' | file tree/core/tcp/bad.c
refuses "a hosted header in the core" 'the core may not include <stdio.h>' check
echo '#include <lastack/host.h>' | file tree/core/tcp/bad.c
refuses "the host in the core" 'the core may not include <lastack/host.h>' check
echo '#include "tcp/nothing.h"' | file tree/core/tcp/bad.c
refuses "a header that is not there" 'is not in this repository' check
echo '# include HEADER' | file tree/core/tcp/bad.c
refuses "an include by macro" 'neither' check
rm "$scratch/tree/core/tcp/bad.c"

echo '#include "tcp/tcb.h"' | file tree/view/bad.c
refuses "view/ that includes the control block" 'view/ may not include "tcp/tcb.h"' check
rm "$scratch/tree/view/bad.c"

echo '#include <stdio.h>' | file tree/include/lastack/stack.h
refuses "a public header of the core with stdio" 'the core may not include <stdio.h>' check
echo '#include "base/bytes.h"' | file tree/include/lastack/stack.h
refuses "a public header with an internal one" 'a public header includes' check
rm "$scratch/tree/include/lastack/stack.h"

echo '#include <stdint.h>' | file tree/core/novelty/x.c
refuses "a folder without a line in the table" 'core/novelty/x.c: its folder has no line' check
finish
