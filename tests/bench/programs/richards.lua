-- A simulated operating system: tasks, packets, queues and states, in the manner of Richards.
local N = tonumber(arg[1]) or 55

local Packet, Task, Worker, Handler, Device, Idle = {}, {}, {}, {}, {}, {}
Packet.__index, Task.__index = Packet, Task
for _, class in ipairs({ Worker, Handler, Device, Idle }) do
	class.__index = class
	setmetatable(class, { __index = Task })
end

function Packet.new(link, id, kind)
	return setmetatable({ link = link, id = id, kind = kind, datum = 1, data = { 0, 0, 0, 0 } }, Packet)
end
function Packet:append(queue)
	self.link = nil
	if not queue then
		return self
	end
	local p = queue
	while p.link do
		p = p.link
	end
	p.link = self
	return queue
end

local tasks, queue_count, hold_count
function Task.new(class, id, priority, queue)
	local t = setmetatable({ id = id, priority = priority, queue = queue, held = false, waiting = not queue, state = {} }, class)
	tasks[id] = t
	return t
end
function Task:receive(packet, from)
	self.queue = packet:append(self.queue)
	self.waiting = false
end
function Task:take()
	local p = self.queue
	if p then
		self.queue = p.link
		p.link = nil
	end
	return p
end
function Task:runnable()
	return not self.held and not self.waiting
end
local function send(packet, from)
	queue_count = queue_count + 1
	local to = tasks[packet.id]
	packet.id = from.id
	to:receive(packet)
end
function Idle:run()
	local s = self.state
	s.left = s.left - 1
	if s.left <= 0 then
		self.held = true
		return
	end
	s.seed = s.seed & 1 == 0 and s.seed // 2 or s.seed // 2 ~ 0xd008
	local device = tasks[s.seed & 1 == 0 and 5 or 6]
	if device.held then
		device.held = false
	end
end
function Worker:run()
	local p = self:take()
	if not p then
		self.waiting = true
		return
	end
	local s = self.state
	s.to = s.to == 3 and 4 or 3
	p.id = s.to
	p.datum = 1
	for i = 1, 4 do
		s.letter = s.letter % 26 + 1
		p.data[i] = s.letter + 64
	end
	send(p, self)
end
function Handler:run()
	local s = self.state
	local p = self:take()
	if p then
		if p.kind == "work" then
			s.work = p:append(s.work)
		else
			s.device = p:append(s.device)
		end
	end
	local work = s.work
	if work then
		if work.datum > 4 then
			s.work = work.link
			send(work, self)
			return
		elseif s.device then
			local d = s.device
			s.device = d.link
			d.datum = work.data[work.datum]
			work.datum = work.datum + 1
			d.id = self.id + 2
			send(d, self)
			return
		end
	end
	self.waiting = not self.queue
end
function Device:run()
	local p = self:take()
	local s = self.state
	if p then
		s.pending = p
		self.held = true
		hold_count = hold_count + 1
	elseif s.pending then
		local v = s.pending
		s.pending = nil
		send(v, self)
	else
		self.waiting = true
	end
end

local function run()
	tasks, queue_count, hold_count = {}, 0, 0
	local idle = Task.new(Idle, 1, 0)
	idle.waiting = false
	idle.state = { left = 10000, seed = 1 }
	local worker = Task.new(Worker, 2, 1000, Packet.new(Packet.new(nil, 2, "work"), 2, "work"))
	worker.state = { to = 3, letter = 0 }
	for id = 3, 4 do
		Task.new(Handler, id, 2000, Packet.new(Packet.new(Packet.new(nil, id + 2, "device"), id + 2, "device"), id + 2, "device"))
	end
	for id = 5, 6 do
		Task.new(Device, id, 4000)
	end
	while not idle.held do
		for id = 6, 1, -1 do
			local t = tasks[id]
			if t:runnable() then
				t:run()
			end
		end
	end
	return queue_count, hold_count
end

local queued, held
for i = 1, N do
	queued, held = run()
end
print(queued, held)
