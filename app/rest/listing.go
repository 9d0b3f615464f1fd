package rest

import (
	"math"
	"sort"
	"strconv"

	"metaflows/app/schema"
)

// pageSize is how many entries an answer has where the client does not say (Kazoo's crossbar default).
const pageSize = 50

// list answers with a page of a listing that is sorted by key (kazoo-facts 1.4): page_size entries from start_key on, all
// with paginate=false. next_start_key is where the next page begins, and is missing on the last.
func list[T any](x *exchange, all []T, key func(T) string) {
	size, ok := x.pageSize()
	if !ok {
		return
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

// pageSize is how many entries a page has: page_size, all with paginate=false, else the default.
func (x *exchange) pageSize() (size int, ok bool) {
	if paginate, err := strconv.ParseBool(x.param("paginate")); err == nil && !paginate {
		return math.MaxInt, true
	}
	wish := x.param("page_size")
	if wish == "" {
		return pageSize, true
	}
	size, err := strconv.Atoi(wish)
	if err != nil || size < 1 {
		x.invalid(schema.One("page_size", "minimum", schema.Detail{"message": "Value must be at least 1", "target": 1, "value": wish}))
		return 0, false
	}
	return size, true
}
