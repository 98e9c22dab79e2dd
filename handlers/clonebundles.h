/* What others need to know of clonebundles: whether there is anything to announce. */
#ifndef FRAMEGATE_HANDLERS_CLONEBUNDLES_H
#define FRAMEGATE_HANDLERS_CLONEBUNDLES_H

#include "handlers/repo/repository.h"

#include <stdbool.h>

/* True if the repository has a manifest of bundles. Looks at the file each time. */
bool fg_clonebundles_exist(const struct fg_snapshot *snapshot);

#endif
