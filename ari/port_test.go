package ari_test

import (
	"metaflows/actions"
	"metaflows/ari"
)

var _ actions.PBX = (*ari.Client)(nil)
