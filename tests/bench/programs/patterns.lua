-- Pattern matching over a generated text: gmatch, gsub with all kinds of replacement, find, captures.
local N = tonumber(arg[1]) or 13

local lines = {}
for i = 1, 6000 do
	lines[i] = ("2024-%02d-%02d host%d GET /path/%d/file%d.html?id=%d&name=user%d %d"):format(i % 12 + 1, i % 28 + 1, i % 7, i % 13, i, i * 7, i % 100, 200 + i % 5)
end
local text = table.concat(lines, "\n")

local total = 0
for round = 1, N do
	local status = {}
	for host, path, code in text:gmatch("(host%d+) %u+ (%S+) (%d+)") do
		status[host .. code] = (status[host .. code] or 0) + #path
	end
	for _, n in pairs(status) do
		total = total + n
	end
	local out, count = text:gsub("(%d+)-(%d+)-(%d+)", "%3.%2.%1")
	total = total + #out + count
	out, count = text:gsub("%w+", { GET = "POST", host1 = "first" })
	total = total + #out + count
	out, count = text:gsub("id=(%d+)", function(id) return "id=" .. id % 97 end)
	total = total + #out + count
	local at = 1
	while true do
		local from, to, name = text:find("name=(%a+)", at)
		if not from then
			break
		end
		total = total + from % 10
		at = to + 1
	end
	for word in text:gmatch("%f[%w]%a+") do
		total = total + #word
	end
end
print(total)
