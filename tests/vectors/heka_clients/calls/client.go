package main

import (
	"os"
	"time"

	"github.com/mozilla-services/heka/client"
	"github.com/mozilla-services/heka/message"
)

func main() {
	var signer *message.MessageSigningConfig
	if len(os.Args) > 3 {
		signer = &message.MessageSigningConfig{Name: "ops", Hash: os.Args[3], Key: "secret", Version: 1}
	}
	sender, err := client.NewNetworkSender(os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	c := client.NewClient(sender, client.NewProtobufEncoder(signer))
	for i := 0; i < 3; i++ {
		m := &message.Message{}
		m.SetUuid([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, byte(i)})
		m.SetTimestamp(time.Date(2026, 11, 30, 1, 2, 3, 4000+i, time.UTC).UnixNano())
		m.SetType("captured")
		m.SetLogger("go client")
		m.SetSeverity(int32(i))
		m.SetPayload("line number \xe2\x82\xac\n")
		m.SetEnvVersion("0.8")
		m.SetPid(4242)
		m.SetHostname("host.example")
		text, _ := message.NewField("text", "value", "")
		m.AddField(text)
		integer, _ := message.NewField("count", int64(7*i), "count")
		integer.AddValue(int64(-1))
		m.AddField(integer)
		double, _ := message.NewField("seconds", 0.25, "s")
		double.AddValue(1e300)
		m.AddField(double)
		truth, _ := message.NewField("ok", true, "")
		truth.AddValue(false)
		m.AddField(truth)
		bytes, _ := message.NewField("raw", []byte{0, 30, 31, 255}, "B")
		m.AddField(bytes)
		if err := c.SendMessage(m); err != nil {
			panic(err)
		}
	}
	sender.Close()
}
