/* The bundle cache as the state shows it. */
#include "gateway/admin/bundlejson.h"

#include "gateway/bundles/bundlefolder.h"
#include "gateway/tools/json.h"

json_t *fg_bundles_json(struct fg_gateway *gateway, bool *ok)
{
    struct fg_bundlecache_view view;
    fg_bundlefolder_describe(gateway->bundles, &view);
    json_t *object = json_object();
    fg_json_put_number(object, ok, "limit_bytes", view.limit);
    fg_json_put_number(object, ok, "bytes", view.bytes);
    fg_json_put_number(object, ok, "entries", view.entries);
    fg_json_put_number(object, ok, "making", view.making);
    fg_json_put_number(object, ok, "hits", view.hits);
    fg_json_put_number(object, ok, "shared", view.shared);
    fg_json_put_number(object, ok, "misses", view.misses);
    fg_json_put_number(object, ok, "failures", view.failures);
    fg_json_put_number(object, ok, "evictions", view.evictions);
    fg_json_put_number(object, ok, "damaged", view.damaged);
    fg_json_put_number(object, ok, "oldest_seconds", view.oldest_seconds);
    return object;
}
