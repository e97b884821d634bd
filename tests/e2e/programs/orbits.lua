-- Bodies that attract each other: floats in tables, nested loops.
local bodies = {}
for i = 1, 5 do
	bodies[i] = {
		x = i * 1.5, y = (i % 3) * 0.7, z = i * 0.1,
		vx = 0, vy = 0.2 * i, vz = 0.01 * i, mass = 1 / i,
	}
end

local function advance(dt)
	for i = 1, #bodies do
		local a = bodies[i]
		for j = i + 1, #bodies do
			local b = bodies[j]
			local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
			local d2 = dx * dx + dy * dy + dz * dz + 0.01
			local pull = dt / (d2 * math.sqrt(d2))
			a.vx, b.vx = a.vx - dx * b.mass * pull, b.vx + dx * a.mass * pull
			a.vy, b.vy = a.vy - dy * b.mass * pull, b.vy + dy * a.mass * pull
			a.vz, b.vz = a.vz - dz * b.mass * pull, b.vz + dz * a.mass * pull
		end
	end
	for _, b in ipairs(bodies) do
		b.x, b.y, b.z = b.x + dt * b.vx, b.y + dt * b.vy, b.z + dt * b.vz
	end
end

local function energy()
	local e = 0
	for i, a in ipairs(bodies) do
		e = e + 0.5 * a.mass * (a.vx ^ 2 + a.vy ^ 2 + a.vz ^ 2)
		for j = i + 1, #bodies do
			local b = bodies[j]
			local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
			e = e - a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
		end
	end
	return e
end

for _ = 1, tonumber(arg and arg[1]) or 2500000 do
	advance(0.001)
end
print(string.format("%.6f", energy()))
