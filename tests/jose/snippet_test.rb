# The Ruby of docs/TOKENS.md, as snippets.py took it out, against tokens of a running server. SYMBOLON_URL is where the server is,
# SYMBOLON_SNIPPETS the folder with snippet.rb.

require "base64"
require "json"
require "#{ENV.fetch('SYMBOLON_SNIPPETS')}/snippet"

ADA = { identifier: "snippet-rb", password: "walnut lantern over quarry" }.freeze

def post(path, body)
  answer = Net::HTTP.post(URI(ENV.fetch("SYMBOLON_URL") + path), JSON.generate(body), "Content-Type" => "application/json")
  JSON.parse(answer.body)
end

def encode(value)
  Base64.urlsafe_encode64(JSON.generate(value), padding: false)
end

user = post("/v1/users", ADA)
token = post("/v1/tokens", ADA).fetch("access_token")
abort "another subject" unless verify(token)["sub"] == user["id"]
head, payload, signature = token.split(".")
claims = JSON.parse(Base64.urlsafe_decode64(payload))
[
  "#{head}.#{encode(claims.merge('sub' => 'admin'))}.#{signature}",
  "#{head}.#{payload}.",
  "#{encode({ alg: 'none', typ: 'at+jwt' })}.#{payload}."
].each do |bent|
  verify(bent)
  abort "accepted: #{bent}"
rescue JWT::DecodeError
  next
end
puts "ok the snippet of the document takes a token and no bent one"
