// Command clienttest asks a metaflows that runs by a client that was generated of the metaflows' own description of its API:
// it reads, stores and deletes the document of an account, and shows a wrong token. It fails where an answer is not what was
// wanted.
//
// It is a module of its own, so that nobody who builds metaflows needs the generator. The client, package api, is not kept:
// it is made anew of what the program serves,
//
//	mkdir -p api && go tool oapi-codegen -config oapi-codegen.yaml http://127.0.0.1:8000/openapi.json
//	go run . http://127.0.0.1:8000 acme < admin.token
//
// as TestGeneratedClient of app/server does.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"metaflows/clienttest/api"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: clienttest <address of the API> <account> < <file with a token>")
	}
	token, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := ask(ctx, os.Args[1], os.Args[2], strings.TrimSpace(string(token))); err != nil {
		log.Fatal(err)
	}
}

// as is a client of the API at the address, with the token.
func as(token, address string) (*api.ClientWithResponses, error) {
	return api.NewClientWithResponses(address, api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("X-Auth-Token", token)
		return nil
	}))
}

func ask(ctx context.Context, address, account, token string) error {
	client, err := as(token, address)
	if err != nil {
		return err
	}

	stored, err := client.ReplaceAccountMetaflowsWithResponse(ctx, account, nil, api.ReplaceAccountMetaflowsJSONRequestBody{Data: api.Metaflows{
		BindingDigit: new(api.MetaflowsBindingDigitAsterisk),
		Patterns: &map[string]any{`2(\d+)`: api.Metaflow{
			Module: "transfer", Data: &map[string]any{"takeback_dtmf": "*1"},
		}},
	}})
	if err != nil {
		return err
	}
	if stored.JSON200 == nil || stored.JSON200.Revision == nil {
		return fmt.Errorf("stored: %s %s", stored.Status(), stored.Body)
	}
	fmt.Println("stored as revision", *stored.JSON200.Revision)

	read, err := client.GetAccountMetaflowsWithResponse(ctx, account, nil)
	if err != nil {
		return err
	}
	if read.JSON200 == nil || !reflect.DeepEqual(read.JSON200.Data, stored.JSON200.Data) || read.JSON200.Data.Patterns == nil {
		return fmt.Errorf("read: %s %s\nafter this was stored: %s", read.Status(), read.Body, stored.Body)
	}
	fmt.Println("read", *read.JSON200.Data.BindingDigit, *read.JSON200.Data.Patterns)

	deleted, err := client.DeleteAccountMetaflowsWithResponse(ctx, account, nil)
	if err != nil {
		return err
	}
	if deleted.JSON200 == nil || len(deleted.JSON200.Data) != 0 {
		return fmt.Errorf("deleted: %s %s", deleted.Status(), deleted.Body)
	}
	fmt.Println("deleted")

	stranger, err := as("wrong", address)
	if err != nil {
		return err
	}
	refused, err := stranger.GetAccountMetaflowsWithResponse(ctx, account, nil)
	if err != nil {
		return err
	}
	if refused.JSONDefault == nil || refused.JSONDefault.Error != "401" {
		return fmt.Errorf("with a wrong token: %s %s", refused.Status(), refused.Body)
	}
	fmt.Println("refused:", refused.JSONDefault.Message)
	return nil
}
