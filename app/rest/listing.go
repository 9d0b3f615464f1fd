package rest

import (
	"sort"
	"strconv"

	"metaflows/app/schema"
)

// pageSize is how many entries an answer has where the client does not say (Kazoo's crossbar default).
const pageSize = 50

// list answers with a page of a listing that is sorted by key (kazoo-facts 1.4): page_size entries from start_key on, all
// with paginate=false. next_start_key is where the next page begins, and is missing on the last.
func list[T any](x *exchange, all []T, key func(T) string) {
	size := pageSize
	if wish := x.param("page_size"); wish != "" {
		n, err := strconv.Atoi(wish)
		if err != nil || n < 1 {
			x.invalid(schema.One("page_size", "minimum", schema.Detail{"message": "Value must be at least 1", "target": 1, "value": wish}))
			return
		}
		size = n
	}
	if paginate, err := strconv.ParseBool(x.param("paginate")); err == nil && !paginate {
		size = len(all)
	}
	start := x.param("start_key")
	from := sort.Search(len(all), func(i int) bool { return key(all[i]) >= start })
	page := all[from : from+min(size, len(all)-from)]
	x.answer.StartKey, x.answer.PageSize = start, new(len(page))
	if next := from + len(page); next < len(all) {
		x.answer.NextStartKey = key(all[next])
	}
	x.succeed(page)
}
