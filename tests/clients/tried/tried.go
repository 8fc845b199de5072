// Plays the conversation of tried.py with a client for Go: tried LIBRARY WAY URL.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gorilla/websocket"
	nhooyr "nhooyr.io/websocket"
)

func letters(seed, size int) string {
	number := uint64(seed*7919 + 1)
	text := make([]byte, size)
	for i := range text {
		number = (number*1103515245 + 12345) & 0x7fffffff
		text[i] = byte(97 + (number>>16)%26)
	}
	return string(text)
}

func conversation() []string {
	var messages []string
	for number := 0; number < 15; number++ {
		messages = append(messages, letters(number%5, 2000))
	}
	messages = append(messages, letters(9, 60000))
	if os.Getenv("TRIED_EMPTY") != "no" {
		messages = append(messages, "")
	}
	return append(messages, "end")
}

func main() {
	library, way, url := os.Args[1], os.Args[2], os.Args[3]
	play := playGorilla
	if library == "nhooyr" {
		play = playNhooyr
	}
	if err := play(way, url); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func playGorilla(way, url string) error {
	dialer := websocket.Dialer{EnableCompression: way == "EnableCompression: true"}
	client, _, err := dialer.Dial(url, nil)
	if err != nil {
		return err
	}
	for at, message := range conversation() {
		if err := client.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
			return fmt.Errorf("after %d echoes: %w", at, err)
		}
		_, echo, err := client.ReadMessage()
		if err != nil || string(echo) != message {
			return fmt.Errorf("after %d echoes: %v", at, err)
		}
	}
	end := websocket.FormatCloseMessage(1000, "")
	if err := client.WriteControl(websocket.CloseMessage, end, time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, _, err := client.ReadMessage(); !websocket.IsCloseError(err, 1000) {
		return err
	}
	return nil
}

func playNhooyr(way, url string) error {
	modes := map[string]nhooyr.CompressionMode{
		"CompressionDisabled":          nhooyr.CompressionDisabled,
		"CompressionContextTakeover":   nhooyr.CompressionContextTakeover,
		"CompressionNoContextTakeover": nhooyr.CompressionNoContextTakeover,
	}
	limit, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	options := nhooyr.DialOptions{CompressionMode: modes[way], CompressionThreshold: 1}
	client, _, err := nhooyr.Dial(limit, url, &options)
	if err != nil {
		return err
	}
	client.SetReadLimit(1 << 20)
	for at, message := range conversation() {
		if err := client.Write(limit, nhooyr.MessageText, []byte(message)); err != nil {
			return fmt.Errorf("after %d echoes: %w", at, err)
		}
		_, echo, err := client.Read(limit)
		if err != nil || string(echo) != message {
			return fmt.Errorf("after %d echoes: %v", at, err)
		}
	}
	return client.Close(nhooyr.StatusNormalClosure, "")
}
