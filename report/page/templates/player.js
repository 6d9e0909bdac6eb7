"use strict";
(function () {
  const addresses = JSON.parse(document.getElementById("copies").textContent);

  function setUp(root) {
    const data = JSON.parse(root.querySelector(".data").textContent);
    const athlete = root.querySelector(".athlete");
    const exemplar = root.querySelector(".exemplar");
    const choose = root.querySelector(".choose");
    const now = root.querySelector(".now");
    const blocks = Array.from(root.querySelectorAll(".block"));
    const canvas = root.querySelector(".joints");
    const pen = canvas ? canvas.getContext("2d") : null;
    let jointsShown = true;
    let chosen = 0;
    let looped = null;
    // A hair behind a frame's start, so that rounding does not show the frame before it.
    const inside = 0.25 / data.fps;

    function momentAt(time) {
      let found = -1;
      data.moments.forEach(function (moment, i) { if (time >= moment.start) { found = i; } });
      return found;
    }

    // Where in the exemplar the same moment is: in proportion, within the matched clip.
    function matched(time) {
      if (!data.moments.length) { return time / data.duration * exemplar.duration; }
      const i = momentAt(time);
      if (i < 0) { return time; }
      const moment = data.moments[i];
      const pair = moment.matched[chosen];
      const next = data.moments[i + 1];
      const end = next ? next.start : moment.stop;
      const nextPair = next ? next.matched[chosen] : null;
      const stop = nextPair && nextPair[0] > pair[0] ? nextPair[0] : pair[1];
      const part = Math.min(Math.max((time - moment.start) / Math.max(end - moment.start, 1e-6), 0), 1);
      return pair[0] + part * (stop - pair[0]);
    }

    function line(x, y, toX, toY, head) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(toX, toY);
      if (head) {
        const angle = Math.atan2(toY - y, toX - x);
        const size = Math.min(8, 0.6 * Math.hypot(toX - x, toY - y));
        [2.6, -2.6].forEach(function (turn) {
          pen.moveTo(toX, toY);
          pen.lineTo(toX + size * Math.cos(angle + turn), toY + size * Math.sin(angle + turn));
        });
      }
      // A dark edge, so that it is seen on any ground.
      const colour = pen.strokeStyle;
      pen.lineWidth = head ? 4.5 : 4;
      pen.strokeStyle = "#1c1c1c";
      pen.stroke();
      pen.lineWidth = head ? 2.5 : 2;
      pen.strokeStyle = colour;
      pen.stroke();
    }

    // The joints of the shown frame, in the copy's pixels; the canvas has two for each of them.
    function drawJoints(time) {
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      const frame = Math.min(Math.floor(time * data.fps + 0.01), data.joints.places.length - 1);
      const place = data.joints.places[frame];
      const move = data.joints.moves ? data.joints.moves[frame] : null;
      canvas.dataset.frame = frame;
      if (!jointsShown || !place) { return; }
      pen.setTransform(2, 0, 0, 2, 0, 0);
      pen.lineCap = "round";
      const seen = function (i) { return place[2 * i] !== null && place[2 * i + 1] !== null; };
      pen.strokeStyle = "#ffffff";
      data.joints.bones.forEach(function (bone) {
        if (!bone.every(seen)) { return; }
        line(place[2 * bone[0]], place[2 * bone[0] + 1], place[2 * bone[1]], place[2 * bone[1] + 1], false);
      });
      for (let i = 0; i < place.length / 2; i += 1) {
        if (seen(i)) {
          pen.fillStyle = "#56b4e9";
          pen.beginPath();
          pen.arc(place[2 * i], place[2 * i + 1], 2.5, 0, 2 * Math.PI);
          pen.fill();
        }
      }
      pen.strokeStyle = "#e69f00";
      for (let i = 0; move && i < place.length / 2; i += 1) {
        if (seen(i) && move[2 * i] !== null && Math.hypot(move[2 * i], move[2 * i + 1]) >= 1) {
          line(place[2 * i], place[2 * i + 1], place[2 * i] + move[2 * i], place[2 * i + 1] + move[2 * i + 1], true);
        }
      }
    }

    function draw() {
      const time = athlete.currentTime;
      if (data.joints) { drawJoints(time); }
      const current = momentAt(time);
      if (now) {
        const x = 1000 * Math.min(time / data.duration, 1);
        now.setAttribute("x1", x);
        now.setAttribute("x2", x);
      }
      blocks.forEach(function (block, i) { block.classList.toggle("current", i === current); });
      if (looped !== null && (time >= data.moments[looped].stop || time < data.moments[looped].start - inside)) {
        athlete.currentTime = data.moments[looped].start + inside;
      }
      if (exemplar && exemplar.duration) {
        const wanted = matched(time);
        if (Math.abs(exemplar.currentTime - wanted) > (athlete.paused ? 0.01 : 0.12)) {
          exemplar.currentTime = wanted;
        }
      }
    }

    function follow() {
      draw();
      if (!athlete.paused && !athlete.ended) { requestAnimationFrame(follow); }
    }

    function show(i) {
      athlete.currentTime = data.moments[i].start + inside;
      if (looped !== null) { looped = i; }
      draw();
    }

    function step(frames) {
      athlete.pause();
      const frame = Math.floor(athlete.currentTime * data.fps + 0.01);
      athlete.currentTime = Math.max(0, (frame + frames) / data.fps + inside);
    }

    function press(name, on) {
      const button = root.querySelector('[data-do="' + name + '"]');
      button.setAttribute("aria-pressed", on ? "true" : "false");
    }

    const acts = {
      play: function () { if (athlete.paused) { athlete.play(); } else { athlete.pause(); } },
      back: function () { step(-1); },
      forward: function () { step(1); },
      slow: function () {
        athlete.playbackRate = athlete.playbackRate < 1 ? 1 : 0.25;
        if (exemplar) { exemplar.playbackRate = athlete.playbackRate; }
        press("slow", athlete.playbackRate < 1);
      },
      loop: function () {
        if (!data.moments.length) { return; }
        looped = looped === null ? Math.max(momentAt(athlete.currentTime), 0) : null;
        press("loop", looped !== null);
      },
      worst: function () { show(data.worst); },
      joints: function () {
        if (!data.joints) { return; }
        jointsShown = !jointsShown;
        press("joints", jointsShown);
        draw();
      }
    };

    root.addEventListener("click", function (event) {
      const button = event.target.closest("button");
      if (!button) { return; }
      if (button.dataset.do) { acts[button.dataset.do](); }
      if (button.dataset.seconds) {
        athlete.pause();
        athlete.currentTime = Number(button.dataset.seconds) + inside;
        draw();
      }
      if (button.dataset.moment) { show(Number(button.dataset.moment)); }
    });
    athlete.addEventListener("play", function () {
      if (exemplar) { exemplar.play().catch(function () {}); }
      follow();
    });
    athlete.addEventListener("pause", function () { if (exemplar) { exemplar.pause(); } draw(); });
    ["seeked", "timeupdate", "loadeddata"].forEach(function (name) { athlete.addEventListener(name, draw); });
    function showExemplar() {
      chosen = Number(choose.value);
      exemplar.src = addresses[data.exemplars[chosen]];
      exemplar.addEventListener("loadeddata", draw, { once: true });
    }
    if (choose) {
      choose.addEventListener("change", showExemplar);
      showExemplar();
    }
    athlete.src = addresses[data.copy];
    return { acts: acts, root: root };
  }

  const players = Array.from(document.querySelectorAll(".player")).map(setUp);
  const keys = { k: "play", ",": "back", ".": "forward", s: "slow", l: "loop", j: "joints" };

  // Keys are the player's that is nearest to the top of the window.
  document.addEventListener("keydown", function (event) {
    const act = keys[event.key.toLowerCase()];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) { return; }
    const seen = players.filter(function (player) { return player.root.getBoundingClientRect().bottom > 0; });
    if (seen.length) { event.preventDefault(); seen[0].acts[act](); }
  });
  // A closed <details> prints nothing.
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
  });
})();
