"use strict";

// A text grows by each message.
const chat = { transcript: "", members: 2 };

function say(member, message) {
  chat.transcript += `${member}: ${message}\n`;
}

exports.chat = () => chat;
for (let number = 0; number < 80_000; number++) say(number % 2 ? "Ada" : "Grace", `message ${number}`);
