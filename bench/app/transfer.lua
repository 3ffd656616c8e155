-- Each request is a transfer of its own between two of the accounts.
local accounts, number, run = {}, 0, tostring(os.time())
for id in os.getenv("ACCOUNTS"):gmatch("[^,]+") do accounts[#accounts + 1] = id end
wrk.method = "POST"
wrk.headers["authorization"] = "Bearer " .. os.getenv("TOKEN")
wrk.headers["content-type"] = "application/json"
function request()
  number = number + 1
  local from = accounts[number % #accounts + 1]
  local to = accounts[(number * 7 + 3) % #accounts + 1]
  if from == to then to = accounts[(number + 1) % #accounts + 1] end
  wrk.headers["idempotency-key"] = run .. "-" .. number
  return wrk.format(nil, nil, nil, '{"from":"' .. from .. '","to":"' .. to .. '","amount":1}')
end
