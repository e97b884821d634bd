-- Allocation: short-lived vectors, records in lists, a pool that changes all the time.
local N = tonumber(arg[1]) or 1300000

local Vector = {}
Vector.__index = Vector
local function vector(x, y, z)
	return setmetatable({ x = x, y = y, z = z }, Vector)
end
Vector.__add = function(a, b) return vector(a.x + b.x, a.y + b.y, a.z + b.z) end
Vector.__mul = function(a, k) return vector(a.x * k, a.y * k, a.z * k) end

local position, speed = vector(0, 0, 0), vector(1, 2, 3)
for i = 1, N do
	position = position + speed * 0.5
end

local head
for i = 1, N // 2 do
	head = { value = i, next = head }
	if i % 1000 == 0 then
		head = nil
	end
end

local pool, sum = {}, 0
for i = 1, N // 2 do
	local at = i * 7919 % 4096 + 1
	local old = pool[at]
	if old then
		sum = sum + old[1]
	end
	pool[at] = { i % 100, i }
end
print(position.x, position.y, position.z, sum)
