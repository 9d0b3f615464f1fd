package rest

import (
	"math"
	"strconv"

	"metaflows/app/schema"
)

// pageSize is how many entries an answer has where the client does not say (Kazoo's crossbar default).
const pageSize = 50

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
